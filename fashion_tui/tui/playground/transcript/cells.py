"""The cells of a session: what was run and what it put out, to be copied, edited again and saved."""

from collections import deque
from collections.abc import Iterator
from itertools import groupby

import msgspec

from fashion_tui.kernel.ansi import plain
from fashion_tui.kernel.limits import MAX_CHARACTERS, MAX_PLOT_BYTES, keep_newest
from fashion_tui.kernel.outputs import Display, Dropped, Error, Result, Stream
from fashion_tui.schema.plots import size_of

MAX_CELLS = 10_000
"""Older ones go."""

MAX_KEPT = 4 * MAX_CHARACTERS + MAX_PLOT_BYTES
"""Characters of output, and bytes of figures, that all cells together keep; the oldest output goes first."""

_OVERHEAD = 100
"""What an output weighs beside its characters."""

Kept = Stream | Result | Display | Error


class Cell(msgspec.Struct, eq=False):
    number: int
    code: str
    """As it was typed."""
    first: int
    """The number of its first line in the record."""
    end: int
    """The number that follows its last line's."""
    pieces: deque[Kept] = msgspec.field(default_factory=deque)
    """Its outputs as they came: a stream in pieces."""
    is_cut: bool = False
    """The beginning of its output isn't kept."""

    def copied(self) -> "Cell":
        """As it is now, whatever comes later: for another thread."""
        return msgspec.structs.replace(self, pieces=self.pieces.copy())

    def outputs(self) -> Iterator[Kept]:
        """What is kept of its output, streams whole again; of a long one the newest lines, as in the transcript."""
        for name, pieces in groupby(self.pieces, lambda piece: piece.name if isinstance(piece, Stream) else None):
            if name is None:
                yield from pieces
            else:
                text, lines, _ = keep_newest("".join(map(text_of, pieces)))
                yield Stream(name, f"… {lines:,} lines left out\n{text}" if lines else text)

    def text(self) -> str:
        """Its value, or else all that it put out: as it reads, without colours."""
        outputs = list(self.outputs())
        results = [output for output in outputs if isinstance(output, Result)]
        return "\n".join(plain(text_of(output)).removesuffix("\n") for output in results[-1:] or outputs)


class Cells:
    """The cells of all kernels that there were, the oldest first."""

    def __init__(self) -> None:
        self._cells: deque[Cell] = deque(maxlen=MAX_CELLS)
        self._order: deque[Cell] = deque()
        """Whose the outputs are that are kept, the oldest output first."""
        self._kept = 0

    def __iter__(self) -> Iterator[Cell]:
        return iter(self._cells)

    @property
    def newest(self) -> Cell | None:
        return self._cells[-1] if self._cells else None

    def begin(self, number: int, code: str, line: int) -> Cell:
        """`line`: the number of its first line in the record."""
        cell = Cell(number, code, line, line)
        self._cells.append(cell)
        return cell

    def add(self, output: Kept | Dropped) -> None:
        """To the newest cell."""
        cell = self.newest
        if cell is None:
            return
        if isinstance(output, Dropped):
            cell.is_cut = True
            return
        cell.pieces.append(output)
        self._order.append(cell)
        self._kept += _weight(output)
        while self._kept > MAX_KEPT:
            oldest = self._order.popleft()
            self._kept -= _weight(oldest.pieces.popleft())
            oldest.is_cut = True


def text_of(output: Kept) -> str:
    """As it came, colours and all."""
    return output.traceback if isinstance(output, Error) else output.text


def _weight(output: Kept) -> int:
    figure = output.plot if isinstance(output, Result | Display) else None
    return len(text_of(output)) + _OVERHEAD + (0 if figure is None else size_of(figure))
