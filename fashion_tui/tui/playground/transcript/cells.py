"""The cells of a session with their code and output, for copying, editing and saving."""

from collections import deque
from collections.abc import Iterator
from itertools import groupby, takewhile

import msgspec

from fashion_tui.kernel.ansi import plain
from fashion_tui.kernel.limits import MAX_CHARACTERS, MAX_PLOT_BYTES, keep_newest
from fashion_tui.kernel.outputs import Display, Dropped, Error, Result, Stream
from fashion_tui.schema.plots import size_of

MAX_CELLS = 10_000
"""Maximum number of cells to keep. Older cells are dropped."""

MAX_OUTPUT = 4 * MAX_CHARACTERS + MAX_PLOT_BYTES
"""Maximum total size of the outputs to keep: characters of text plus bytes of plots. Older outputs are dropped."""

_OVERHEAD = 100
"""Fixed overhead that is added to the size of each output's text and plot."""

CellOutput = Stream | Result | Display | Error


class Cell(msgspec.Struct, eq=False):
    """A cell that was run."""

    number: int
    code: str
    """The code as typed."""
    first_line: int
    """Number of the cell's first line in the scrollback."""
    end_line: int
    """Number of the line after the cell's last line."""
    outputs: deque[CellOutput] = msgspec.field(default_factory=deque)
    """The cell's outputs in order of arrival. A stream arrives in chunks."""
    is_truncated: bool = False
    """Whether the beginning of the cell's output was dropped."""

    def snapshot(self) -> "Cell":
        """Return a copy that another thread can read while more output arrives."""
        return msgspec.structs.replace(self, outputs=self.outputs.copy())

    def merged_outputs(self) -> Iterator[CellOutput]:
        """Yield the outputs. Adjacent chunks of a stream are joined, and long streams are cut to their newest lines."""
        for name, group in groupby(self.outputs, lambda output: output.name if isinstance(output, Stream) else None):
            if name is None:
                yield from group
            else:
                text, dropped, _ = keep_newest("".join(map(output_text, group)))
                yield Stream(name, f"… {dropped:,} lines omitted\n{text}" if dropped else text)

    def result_text(self) -> str:
        """Return the cell's value, or all its output if it has no value, without colour codes."""
        outputs = list(self.merged_outputs())
        results = [output for output in outputs if isinstance(output, Result)]
        return "\n".join(plain(output_text(output)).removesuffix("\n") for output in results[-1:] or outputs)


class Cells:
    """The cells of this session, oldest first. Cells of earlier kernels are included."""

    def __init__(self) -> None:
        self._cells: deque[Cell] = deque(maxlen=MAX_CELLS)
        self._owners: deque[Cell] = deque()
        """For each kept output, the cell that produced it. The oldest output comes first."""
        self._size = 0
        """Total size of the kept outputs, in the same units as MAX_OUTPUT."""

    def __iter__(self) -> Iterator[Cell]:
        return iter(self._cells)

    @property
    def newest(self) -> Cell | None:
        return self._cells[-1] if self._cells else None

    def begin(self, number: int, code: str, first_line: int) -> Cell:
        """Append a cell whose first line in the scrollback is `first_line`, and return it."""
        cell = Cell(number, code, first_line, first_line)
        self._cells.append(cell)
        return cell

    def after(self, line: int) -> Iterator[Cell]:
        """Yield the cells that begin at or after a line of the scrollback, newest first."""
        return takewhile(lambda cell: cell.first_line >= line, reversed(self._cells))

    def add_output(self, output: CellOutput | Dropped, cell: Cell | None = None) -> None:
        """Add an output to `cell`, or to the newest cell if `cell` is None."""
        cell = cell or self.newest
        if cell is None:
            return
        if isinstance(output, Dropped):
            cell.is_truncated = True
            return
        cell.outputs.append(output)
        self._owners.append(cell)
        self._size += _size(output)
        while self._size > MAX_OUTPUT:
            oldest = self._owners.popleft()
            self._size -= _size(oldest.outputs.popleft())
            oldest.is_truncated = True


def output_text(output: CellOutput) -> str:
    """Return the text of an output as the kernel sent it, including colour codes."""
    return output.traceback if isinstance(output, Error) else output.text


def _size(output: CellOutput) -> int:
    plot = output.plot if isinstance(output, Result | Display) else None
    return len(output_text(output)) + _OVERHEAD + (0 if plot is None else size_of(plot))
