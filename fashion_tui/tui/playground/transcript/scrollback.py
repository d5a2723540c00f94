"""The lines of the transcript, independent of any widget. Only the newest lines are kept.

Each line contains all the colour codes it needs.
"""

import re
from bisect import insort
from collections import deque
from collections.abc import Iterable
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Literal

import msgspec

from fashion_tui.kernel.ansi import LineWriter, plain, sanitize
from fashion_tui.kernel.limits import MAX_LINES, MAX_PLOT_BYTES
from fashion_tui.kernel.outputs import Died, Display, Dropped, Error, Output, Result, Stream
from fashion_tui.schema.plots import Plot, size_of
from fashion_tui.tui.actions import key_of

from .cells import Cell, CellOutput, Cells

Kind = Literal["input", "output", "message", "note", "error"]
"""The kind of line. A `message` is an exception's message; a `note` or `error` comes from the app."""


class Line(msgspec.Struct, frozen=True):
    text: str
    """Text of the line: printable characters and SGR sequences."""
    kind: Kind = "output"
    label: str = ""
    """Label before the text, such as `In [1]: `."""
    omitted: int = 0
    """Number of omitted lines if this line is a note about omitted lines, else 0."""
    plot: Plot | None = None
    """Plot to draw instead of the text, over several rows. Only the text of a line with a plot may contain newlines."""
    folded: tuple[str, ...] = ()
    """Lines of a traceback that are folded into this line. Once unfolded, they are shown instead of `text`."""
    unfolded_note: str = ""
    """Note above the unfolded lines, with the key that folds them again."""


_MAX_LATE_PRINTERS = 100
"""Maximum number of finished cells for which a partly printed line is remembered.

Later output of these cells can complete the line.
"""

_TRACEBACK_HEADER = re.compile(r"-+|\S+ +Traceback \(most recent call last\)")
"""Pattern of the header lines of IPython's tracebacks.

The transcript omits these lines, which are wide and uninformative.
"""

PLOT_DROPPED = Line("… plot discarded", "note")


class _Printer:
    """Converts printed text to lines. Text from stdout and text from stderr never share a line."""

    def __init__(self) -> None:
        self._writer = LineWriter()
        self._name = ""
        """Name of the stream that printed last."""
        self._interrupted: set[str] = set()
        """Names of the streams whose last line was ended by other output, before the stream printed a newline.

        If the next text of such a stream begins with a newline, that newline is ignored, because the line has ended.
        """

    @property
    def line(self) -> str:
        """The unfinished line."""
        return self._writer.line

    def print(self, stream: Stream) -> list[str]:
        """Process a chunk of text. Return the lines that the chunk completes."""
        text = stream.text
        lines = self.end_line() if stream.name != self._name else []
        if stream.name in self._interrupted:
            self._interrupted.remove(stream.name)
            text = text.removeprefix("\n")
        self._name = stream.name
        return lines + self._writer.feed(text)

    def end_line(self) -> list[str]:
        """End and return the unfinished line, if any. The next text begins on a new line, without colour."""
        line = self.line
        if not line:
            return []
        self._writer = LineWriter()
        self._interrupted.add(self._name)
        return [line]


class Scrollback:
    """The newest lines of the transcript: at most MAX_LINES, with at most MAX_PLOT_BYTES of plots.

    Older lines and plots are dropped and counted. Lines are numbered from 0. The number of a line changes only if
    output of an earlier cell is inserted above it.
    """

    def __init__(self) -> None:
        self.lines: deque[Line] = deque()
        self.cells = Cells()
        self.dropped_lines = 0
        """Number of lines dropped from `lines`. This is also the line number of `lines[0]`."""
        self.missing_lines = 0
        """Number of output lines that are no longer shown, including lines omitted because output arrived too fast."""
        self.dropped_plots = 0
        """Number of plots replaced by PLOT_DROPPED."""
        self._plot_lines: deque[int] = deque()
        """Numbers of the lines that contain plots."""
        self._plot_bytes = 0
        self._printer = _Printer()
        self._late_printers: dict[Cell, _Printer] = {}
        """Printers for the late output of finished cells, keyed by cell.

        A printer's unfinished line is the last line of the printer's cell.
        """
        self.insertions = 0
        """Number of times that output of a finished cell was inserted above other lines."""

    @property
    def unfinished(self) -> Line | None:
        """The line being printed, or None if the last line is complete."""
        text = self._printer.line
        return Line(text) if text else None

    def add_cell(self, number: int, code: str, highlighted: str | None = None) -> Cell:
        """Begin a cell and return it. `highlighted` is `code` with SGR sequences."""
        self._finish_line()
        self._printer = _Printer()
        cell = self.cells.begin(number, code, self._end)
        label = f"In [{number}]: "
        for index, line in enumerate(sanitize(highlighted or code).split("\n")):
            self._append(Line(line, "input", " " * len(label) if index else label))
        self._extend_cell()
        return cell

    def renumber_cell(self, number: int) -> None:
        """Set the number of the newest cell to the number reported by the kernel."""
        if self.cells.newest is not None:
            self.cells.newest.number = number

    def add_note(self, text: str, kind: Kind = "note") -> None:
        """Add a message from the app."""
        self._finish_line()
        for line in sanitize(text).split("\n"):
            self._append(Line(line, kind))

    def add_gap(self) -> None:
        """Add an empty line, unless the last line is already empty."""
        self._finish_line()
        if self.lines and self.lines[-1] != Line(""):
            self._append(Line(""))

    def add(self, output: Output) -> None:
        """Add an output. Printed text continues the unfinished line; all other outputs begin on a new line."""
        if isinstance(output, Stream | Result | Display | Error | Dropped):
            self.cells.add_output(output)
        match output:
            case Stream():
                self._append_all(map(Line, self._printer.print(output)))
            case Dropped(lines=lines, characters=characters):
                self._finish_line()
                self._add_omission(lines, characters)
            case Result() | Display() | Error():
                self._finish_line()
                self._append_all(_lines_of(output))
            case Died(message=message):
                self.cells.add_output(Stream("stderr", f"{message}\n"))
                self.add_note(message, "error")
        self._extend_cell()

    def add_late(self, cell: Cell, output: CellOutput) -> None:
        """Add an output to a cell that has finished, below its other outputs and above the cells after it."""
        if cell is self.cells.newest and cell.end_line == self._end:  # no line follows the cell
            self.add(output)
            return
        self.cells.add_output(output, cell)
        printer = self._late_printers.setdefault(cell, _Printer())
        replaced = 1 if printer.line else 0
        if isinstance(output, Stream):
            texts = printer.print(output)
            new = [*map(Line, texts), *([Line(printer.line)] if printer.line else [])]
        else:
            new = [*map(Line, printer.end_line()), *_lines_of(output)]
        self._insert(cell, new, replaced)
        if len(self._late_printers) > _MAX_LATE_PRINTERS:
            del self._late_printers[next(iter(self._late_printers))]

    def _insert(self, cell: Cell, new: list[Line], replaced: int) -> None:
        """Insert lines at the end of a cell, followed by an empty line.

        The new lines replace the last `replaced` lines of the cell.
        """
        end = cell.end_line - self.dropped_lines
        if end <= 0:  # all of the cell's lines were dropped
            self.missing_lines += len(new) - replaced
            return
        lines = list(self.lines)
        start = max(end - replaced, 0)
        lines[start:end] = new
        added = len(new) - (end - start)
        if lines[end + added : end + added + 1] != [Line("")]:
            lines.insert(end + added, Line(""))
            shift = added + 1
        else:
            shift = added
        self._plot_lines = deque(number + shift * (number >= cell.end_line) for number in self._plot_lines)
        for index, line in enumerate(new):
            if line.plot is not None:
                insort(self._plot_lines, self.dropped_lines + start + index)
                self._plot_bytes += _plot_size(line)
        for later in self.cells.after(cell.end_line):
            later.first_line += shift
            later.end_line += shift
        cell.end_line += added
        self.lines = deque(lines)
        self.insertions += 1
        self._drop_plots()
        self._drop_lines()

    def add_answer(self, prompt: str, answer: str) -> None:
        """Add the prompt of an `input()` call and the user's answer."""
        self.add(Stream("stdout", f"{prompt}{answer}\n"))

    def _drop_plots(self) -> None:
        while self._plot_bytes > MAX_PLOT_BYTES:
            index = self._plot_lines.popleft() - self.dropped_lines
            self._plot_bytes -= _plot_size(self.lines[index])
            self.lines[index] = PLOT_DROPPED
            self.dropped_plots += 1

    def _add_omission(self, lines: int, characters: int) -> None:
        """Add a note about omitted output. If the last line is already such a note, increase its count instead."""
        before = self.lines.pop().omitted if self.lines and self.lines[-1].omitted else 0
        if lines:
            count = before + lines
            self._append(Line(f"… {count:,} lines omitted: the output came too fast", "note", omitted=count))
        else:
            self._append(Line(f"… {characters:,} characters omitted", "note"))

    @property
    def _end(self) -> int:
        """Number that the next line will get."""
        return self.dropped_lines + len(self.lines)

    def _finish_line(self) -> None:
        """End the current line, so that the next output begins on a new line without colour."""
        if lines := self._printer.end_line():
            self._append_all(map(Line, lines))
            self._extend_cell()

    def _extend_cell(self) -> None:
        """Extend the newest cell to the end of the scrollback."""
        if self.cells.newest is not None:
            self.cells.newest.end_line = self._end

    def _append_all(self, lines: Iterable[Line]) -> None:
        for line in lines:
            self._append(line)

    def _append(self, line: Line) -> None:
        if line.plot is not None:
            self._plot_lines.append(self._end)
            self._plot_bytes += _plot_size(line)
        self.lines.append(line)
        self._drop_plots()
        self._drop_lines()

    def _drop_lines(self) -> None:
        while len(self.lines) > MAX_LINES:
            dropped = self.lines.popleft()
            if dropped.plot is not None:
                self._plot_lines.popleft()
                self._plot_bytes -= _plot_size(dropped)
            self.dropped_lines += 1
            self.missing_lines += dropped.omitted or 1


def _lines_of(output: Result | Display | Error) -> list[Line]:
    match output:
        case Result(execution_count=number, text=text, plot=plot):
            label, text = f"Out[{number}]: ", sanitize(text)
            if plot is not None:
                return [Line("", label=label), Line(text, plot=plot)]
            first, *more = text.split("\n")
            # A multi-line value begins below the label, so that its columns align.
            return [Line("", label=label), *map(Line, [first, *more])] if more else [Line(first, label=label)]
        case Display(text=text, plot=plot) if plot is not None:
            return [Line(sanitize(text), plot=plot)]
        case Error(parts=parts) if parts:
            return _traceback_lines(output)
        case Display(text=text) | Error(traceback=text):
            return _lines(text)


def _lines(text: str, kind: Kind = "output") -> list[Line]:
    return [Line(line, kind) for line in sanitize(text).rstrip("\n").split("\n")]


def _traceback_lines(error: Error) -> list[Line]:
    """Return an explanation, the frames in the user's code, and the exception's message. Fold all other frames."""
    from fashion_tui.report.glyphs import terminal_glyphs  # noqa: PLC0415 -- the first paint doesn't wait for it

    glyphs, key = terminal_glyphs(), key_of("playground", "toggle_frames")
    lines = [Line(f"{glyphs.bad} {sanitize(error.explanation)}", "error")] if error.explanation else []
    *frames, message = [part for part in error.parts if not _TRACEBACK_HEADER.fullmatch(plain(part.text))]
    repeated = {index for index, (one, other) in enumerate(pairwise(frames), 1) if one == other}
    kinds = ["library" if part.is_library else "repeated" * (index in repeated) for index, part in enumerate(frames)]
    for kind, group in groupby(zip(kinds, frames, strict=True), key=itemgetter(0)):
        parts = [part for _, part in group]
        shown = [line for part in parts for line in _lines(part.text)]
        if kind:
            count = f"{len(parts):,} {kind} frame{'s' * (len(parts) > 1)}"
            text = f"{glyphs.ellipsis} {count} (esc, then {key})"
            unfolded_note = f"{count} unfolded (esc, then {key} to fold)"
            folded = tuple(line.text for line in shown)
            lines.append(Line(text, "note", folded=folded, unfolded_note=unfolded_note))
        else:
            lines += shown
    return [*lines, *_lines(message.text, "message")]


def _plot_size(line: Line) -> int:
    """Return the size in bytes of a line with a plot."""
    return len(line.text) + (0 if line.plot is None else size_of(line.plot))
