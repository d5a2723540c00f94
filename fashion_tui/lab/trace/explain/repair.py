"""Try edits of a network's source."""

from collections.abc import Callable
from dataclasses import dataclass

from fashion_tui.schema.shapes import Fix, ShapeTable


@dataclass(frozen=True, slots=True)
class Repair:
    """Traces the network as it would be after an edit."""

    file: str
    """The file that may be edited."""
    trace: Callable[[Fix], ShapeTable | None]
    """Returns the table of the edited network, or None if the edited network can't be created."""
