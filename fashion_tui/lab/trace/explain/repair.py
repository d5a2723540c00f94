"""Try edits of a network's source."""

from collections.abc import Callable
from dataclasses import dataclass

from fashion_tui.schema.shapes import Fix, ShapeTable


@dataclass(frozen=True, slots=True)
class Repair:
    """What is needed to try an edit: the file to edit, and a function that traces the edited network."""

    file: str
    """The file that may be edited."""
    trace: Callable[[Fix], ShapeTable | None]
    """A function that returns the shape table of the edited network, or None if the network can't be created."""
