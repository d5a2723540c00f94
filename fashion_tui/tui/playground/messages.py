"""Messages that the widgets of the Playground post."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from fashion_tui.kernel.outputs import State

if TYPE_CHECKING:  # these imports would delay the first paint
    from fashion_tui.schema.tensors import TensorList

# The kernel


@dataclass
class KernelStatus(Message):
    """The state of the kernel and of the cells submitted to it."""

    state: State
    cell_number: int
    """Number that the cell in the prompt will get."""
    queued: int
    """Number of cells that are waiting for the running cell to finish."""


@dataclass
class CellFinished(Message):
    """A cell has finished, or was dropped before it ran."""

    code: str
    succeeded: bool
    """False if the cell raised an exception or never ran."""


@dataclass
class ScrollbackChanged(Message):
    """The scrollback has new output to show."""


@dataclass
class WidthChanged(Message):
    """The width of the transcript has changed."""

    columns: int


@dataclass
class InputStarted(Message):
    """The running code has called `input()` and waits for an answer."""

    prompt: str
    password: bool


@dataclass
class InputEnded(Message):
    """The running code is no longer waiting for an answer."""


# The prompt


@dataclass
class CodeSubmitted(Message):
    """A request to run code as a cell."""

    code: str
    from_prompt: bool = False
    """Whether the code comes from the prompt, which has already added it to the history."""


@dataclass
class InputAnswered(Message):
    """The user's answer to `input()`."""

    text: str | None
    """The answer, or None if the user pressed Ctrl+D to end the input."""


@dataclass
class CodeProposed(Message):
    """A request to put code into the prompt without running it."""

    code: str


@dataclass
class SearchClosed(Message):
    """The history search has closed."""

    entry: str | None
    """The chosen entry, or None if the search was cancelled."""


@dataclass
class PromptLeft(Message):
    """Escape was pressed in the prompt."""


@dataclass
class PageScrolled(Message):
    """Page up or page down was pressed in the prompt."""

    pages: int
    """Number of pages to scroll down. A negative number scrolls up."""


@dataclass
class HeightChanged(Message):
    """The height of a widget in the REPL has changed, so the layout must be adjusted."""


# The side panel


@dataclass
class TensorsListed(Message):
    """The kernel has listed the user's tensors."""

    tensors: "TensorList"


@dataclass
class TensorOpened(Message):
    """A request to show the values of a tensor."""

    name: str


@dataclass
class LessonOpened(Message):
    """A lesson is shown."""

    names: frozenset[str]
    """Names of the variables that the lesson's cells assign."""
    mentions_memory_groups: bool
    """Whether the lesson's text mentions the column that marks tensors that share memory."""


@dataclass
class SidePanelLeft(Message):
    """A request to move the focus from the side panel to the prompt."""
