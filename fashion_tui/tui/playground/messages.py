"""Messages between the parts of the Playground."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from fashion_tui.kernel.outputs import State

if TYPE_CHECKING:  # not needed for the first paint
    from fashion_tui.schema.tensors import TensorList

# The kernel


@dataclass
class KernelStatus(Message):
    """The state of the kernel and of the cells submitted to it."""

    state: State
    cell_number: int
    """Number of the cell being typed."""
    queued: int
    """Number of cells waiting for the running cell to finish."""


@dataclass
class CellFinished(Message):
    """A cell has finished, or was dropped before it ran."""

    code: str
    succeeded: bool
    """False if the cell raised an exception or never ran."""


@dataclass
class ScrollbackChanged(Message):
    """The transcript has new lines."""


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
    """The running code no longer waits for an answer."""


# The prompt


@dataclass
class CodeSubmitted(Message):
    """Run this code as a cell."""

    code: str
    from_prompt: bool = False
    """Whether the code comes from the prompt, which has already added it to the history."""


@dataclass
class InputAnswered(Message):
    """The user's answer to `input()`."""

    text: str | None
    """The answer, or None to end the input, as Ctrl+D does."""


@dataclass
class CodeProposed(Message):
    """Put this code into the prompt, without running it."""

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
    """Number of pages to scroll by. Negative to scroll up."""


@dataclass
class HeightChanged(Message):
    """The height of one part of the REPL has changed, so the other parts have to be adjusted."""


# The side panel


@dataclass
class TensorsListed(Message):
    """The kernel has listed the user's tensors."""

    tensors: "TensorList"


@dataclass
class TensorOpened(Message):
    """Show the values of this tensor."""

    name: str


@dataclass
class LessonOpened(Message):
    """A lesson is shown."""

    names: frozenset[str]
    """Names that the lesson's cells assign."""
    mentions_memory_groups: bool
    """Whether the lesson refers to the mark of tensors that share memory."""


@dataclass
class SidePanelLeft(Message):
    """Move the focus from the side panel to the prompt."""
