"""The lines of the transcript, as data. Only the newest lines are kept.

Each line contains all the colour codes it needs.
"""

from collections import deque
from typing import Literal

import msgspec

from fashion_tui.kernel.ansi import LineWriter, sanitize
from fashion_tui.kernel.limits import MAX_LINES, MAX_PLOT_BYTES
from fashion_tui.kernel.outputs import Died, Display, Dropped, Error, Output, Result, Stream
from fashion_tui.schema.plots import Plot, size_of

from .cells import Cells

Kind = Literal["input", "output", "note", "error"]
"""`note` and `error` are the app's own messages."""


class Line(msgspec.Struct, frozen=True):
    text: str
    """Printable characters and SGR sequences only."""
    kind: Kind = "output"
    label: str = ""
    """Label before the text, such as `In [1]: `."""
    omitted: int = 0
    """Number of omitted lines if this line is a note about omitted lines, else 0."""
    plot: Plot | None = None
    """A plot to draw in place of the text; it takes several rows. Only a line with a plot may contain newlines."""


PLOT_DROPPED = Line("… plot discarded", "note")


class Scrollback:
    """The newest lines: at most MAX_LINES, with at most MAX_PLOT_BYTES of plots.

    Older lines and plots are dropped and counted. Lines are numbered from 0; the number of a line never changes.
    """

    def __init__(self) -> None:
        self.lines: deque[Line] = deque()
        self.cells = Cells()
        self.dropped_lines = 0
        """Number of lines dropped from `lines`, which is also the number of the first line that is kept."""
        self.missing_lines = 0
        """Number of output lines that are no longer shown, including lines omitted because output came too fast."""
        self.dropped_plots = 0
        """Number of plots replaced by PLOT_DROPPED."""
        self._plot_lines: deque[int] = deque()
        """Numbers of the lines that contain plots."""
        self._plot_bytes = 0
        self._writer = LineWriter()

    @property
    def unfinished(self) -> Line | None:
        """The line being printed, or None if the last line is complete."""
        text = self._writer.line
        return Line(text) if text else None

    def add_cell(self, number: int, code: str, highlighted: str | None = None) -> None:
        """Begin a cell. `highlighted` is the same code with SGR sequences."""
        self._finish_line()
        self.cells.begin(number, code, self._end)
        label = f"In [{number}]: "
        for index, line in enumerate(sanitize(highlighted or code).split("\n")):
            self._append(Line(line, "input", " " * len(label) if index else label))
        self._extend_cell()

    def renumber_cell(self, number: int) -> None:
        """Set the number of the newest cell to the number that the kernel reports."""
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
        """Add an output. Streams continue where they stopped; everything else begins on a new line."""
        if isinstance(output, Stream | Result | Display | Error | Dropped):
            self.cells.add_output(output)
        match output:
            case Stream(text=text):
                for line in self._writer.feed(text):
                    self._append(Line(line))
            case Dropped(lines=lines, characters=characters):
                self._finish_line()
                self._add_omission(lines, characters)
            case Result():
                self._add_result(output)
            case Display(text=text, plot=plot) if plot is not None:
                self._finish_line()
                self._add_plot(Line(sanitize(text), plot=plot))
            case Display(text=text) | Error(traceback=text):
                self._finish_line()
                for line in sanitize(text).rstrip("\n").split("\n"):
                    self._append(Line(line))
            case Died(message=message):
                self.cells.add_output(Stream("stderr", f"{message}\n"))
                self.add_note(message, "error")
        self._extend_cell()

    def add_answer(self, prompt: str, answer: str) -> None:
        """Add the prompt of an `input()` call and the user's answer."""
        self.add(Stream("stdout", f"{prompt}{answer}\n"))

    def _add_result(self, result: Result) -> None:
        label, text = f"Out[{result.execution_count}]: ", sanitize(result.text)
        self._finish_line()
        if result.plot is None:
            self._add_labelled(label, text)
        else:
            self._append(Line("", label=label))
            self._add_plot(Line(text, plot=result.plot))

    def _add_labelled(self, label: str, text: str) -> None:
        """Add a value with its label. A value of several lines begins below the label, so that its columns align."""
        first, *more = text.split("\n")
        if not more:
            self._append(Line(first, label=label))
            return
        self._append(Line("", label=label))
        for line in [first, *more]:
            self._append(Line(line))

    def _add_plot(self, line: Line) -> None:
        self._plot_lines.append(self._end)
        self._plot_bytes += _plot_size(line)
        self._append(line)
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
        """Number of the next line."""
        return self.dropped_lines + len(self.lines)

    def _finish_line(self) -> None:
        """End the current line, so that the next output begins on a new line without colour."""
        if unfinished := self.unfinished:
            self._append(unfinished)
            self._extend_cell()
        self._writer = LineWriter()

    def _extend_cell(self) -> None:
        """Extend the newest cell to the last line."""
        if self.cells.newest is not None:
            self.cells.newest.end_line = self._end

    def _append(self, line: Line) -> None:
        self.lines.append(line)
        if len(self.lines) > MAX_LINES:
            dropped = self.lines.popleft()
            if dropped.plot is not None:
                self._plot_lines.popleft()
                self._plot_bytes -= _plot_size(dropped)
            self.dropped_lines += 1
            self.missing_lines += dropped.omitted or 1


def _plot_size(line: Line) -> int:
    """Return the size in bytes of a line with a plot."""
    return len(line.text) + (0 if line.plot is None else size_of(line.plot))
