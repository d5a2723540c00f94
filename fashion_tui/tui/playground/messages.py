"""What the parts of the Playground tell one another."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from fashion_tui.kernel.outputs import State

if TYPE_CHECKING:  # the first paint doesn't need it
    from fashion_tui.schema.tensors import TensorList


@dataclass
class CodeSubmitted(Message):
    """The person wants this code run."""

    code: str


@dataclass
class CellFinished(Message):
    code: str
    is_good: bool
    """It came to its end without an error."""


@dataclass
class InputAnswered(Message):
    """What the person answers to `input()`; None: nothing more comes."""

    text: str | None


@dataclass
class ScrollbackChanged(Message):
    """There are new lines in the transcript."""


@dataclass
class KernelStatus(Message):
    state: State
    count: int
    """The number of the cell that is typed now."""
    waiting: int
    """Cells that wait for the one that runs."""


@dataclass
class InputStarted(Message):
    """The running code waits for an answer."""

    prompt: str
    password: bool


@dataclass
class InputEnded(Message):
    """Nothing waits for an answer any more."""


@dataclass
class CodeProposed(Message):
    """The kernel proposes what to type next."""

    code: str


@dataclass
class CompletionWanted(Message):
    """The person asks what could stand at the cursor."""


@dataclass
class SearchClosed(Message):
    """The search of the history has ended."""

    entry: str | None
    """What the person has chosen; None: nothing."""


@dataclass
class PromptLeft(Message):
    """The person goes from the prompt to the pane."""


@dataclass
class PageTurned(Message):
    """The person reads on in the transcript, from inside the prompt."""

    pages: int
    """Negative: back."""


@dataclass
class TensorOpened(Message):
    """The person wants to see that tensor from inside."""

    name: str


@dataclass
class TensorsListed(Message):
    """The tensors as they are after a cell."""

    found: "TensorList"


@dataclass
class SidePanelLeft(Message):
    """The person goes from the drawer back to the prompt."""


@dataclass
class HeightChanged(Message):
    """A part has grown or shrunk: the others have to be fitted in."""
