"""What stands in the transcript, as data: the newest lines, each with the colours that it needs by itself."""

from collections import deque
from typing import Literal

import msgspec

from fashion_tui.kernel.ansi import LineWriter, sanitize
from fashion_tui.kernel.limits import MAX_LINES, MAX_PLOT_BYTES
from fashion_tui.kernel.outputs import Died, Display, Dropped, Error, Output, Result, Stream
from fashion_tui.schema.plots import Plot, size_of

from .cells import Cells

Kind = Literal["input", "output", "note", "alarm"]
"""`note`: our own words; `alarm`: our own words on something that went wrong."""


class Line(msgspec.Struct, frozen=True):
    text: str
    """Printable characters and SGR sequences, nothing else."""
    kind: Kind = "output"
    label: str = ""
    """What stands before it: `In [1]: `."""
    left_out: int = 0
    """Of a note on lines that came too fast to be shown: how many."""
    plot: Plot | None = None
    """What is drawn in place of the text, in as many rows as it takes. The text, which may have several lines then, is
    what the kernel wrote of it."""


FADED = Line("… a figure stood here: it is no longer kept", "note")


class Scrollback:
    """At most MAX_LINES lines, and figures of MAX_FIGURES bytes: older ones go, and are counted."""

    def __init__(self) -> None:
        self.lines: deque[Line] = deque()
        self.cells = Cells()
        self.gone = 0
        """Lines that this record has let go; the number of the first that it holds."""
        self.lost = 0
        """Lines that a person can't see any more, those that never came included."""
        self.faded = 0
        """Figures among the lines that this record has let go."""
        self._figures: deque[int] = deque()
        """Numbers of the lines that are figures, the first line of all being 0."""
        self._figures_weight = 0
        self._writer = LineWriter()

    @property
    def unfinished(self) -> Line | None:
        """The line that is being printed."""
        text = self._writer.line
        return Line(text) if text else None

    def add_input(self, count: int, code: str, coloured: str | None = None) -> None:
        """A cell, as it was typed; `coloured` is the same code with SGR sequences."""
        self._end_line()
        self.cells.begin(count, code, self.gone + len(self.lines))
        label = f"In [{count}]: "
        for number, line in enumerate(sanitize(coloured or code).split("\n")):
            self._add(Line(line, "input", " " * len(label) if number else label))
        self._end_cell()

    def number_cell(self, count: int) -> None:
        """The kernel's word on the newest cell's number."""
        if self.cells.newest is not None:
            self.cells.newest.number = count

    def add_note(self, text: str, kind: Kind = "note") -> None:
        self._end_line()
        for line in sanitize(text).split("\n"):
            self._add(Line(line, kind))

    def add_gap(self) -> None:
        """An empty line between cells."""
        self._end_line()
        if self.lines and self.lines[-1] != Line(""):
            self._add(Line(""))

    def add(self, output: Output) -> None:
        """What a kernel put out. Streams go on where they stopped; anything else begins on a line of its own."""
        if isinstance(output, Stream | Result | Display | Error | Dropped):
            self.cells.add(output)
        match output:
            case Stream(text=text):
                for line in self._writer.feed(text):
                    self._add(Line(line))
            case Dropped(lines=lines, characters=characters):
                self._end_line()
                self._leave_out(lines, characters)
            case Result():
                self._add_result(output)
            case Display(text=text, plot=figure) if figure is not None:
                self._end_line()
                self._add_figure(Line(sanitize(text), plot=figure))
            case Display(text=text) | Error(traceback=text):
                self._end_line()
                for line in sanitize(text).rstrip("\n").split("\n"):
                    self._add(Line(line))
            case Died(message=message):
                self.cells.add(Stream("stderr", f"{message}\n"))
                self.add_note(message, "alarm")
        self._end_cell()

    def add_answer(self, prompt: str, answer: str) -> None:
        """What `input()` asked, and got."""
        self.add(Stream("stdout", f"{prompt}{answer}\n"))

    def _add_result(self, result: Result) -> None:
        label, text = f"Out[{result.execution_count}]: ", sanitize(result.text)
        self._end_line()
        if result.plot is None:
            self._add_labelled(label, text)
        else:
            self._add(Line("", label=label))
            self._add_figure(Line(text, plot=result.plot))

    def _add_labelled(self, label: str, text: str) -> None:
        """As IPython does: a value of several lines begins below its label, so that its columns stand in line."""
        first, *more = text.split("\n")
        if not more:
            self._add(Line(first, label=label))
            return
        self._add(Line("", label=label))
        for line in [first, *more]:
            self._add(Line(line))

    def _add_figure(self, line: Line) -> None:
        self._figures.append(self.gone + len(self.lines))
        self._figures_weight += _weight(line)
        self._add(line)
        while self._figures_weight > MAX_PLOT_BYTES:
            place = self._figures.popleft() - self.gone
            self._figures_weight -= _weight(self.lines[place])
            self.lines[place] = FADED
            self.faded += 1

    def _leave_out(self, lines: int, characters: int) -> None:
        before = self.lines.pop().left_out if self.lines and self.lines[-1].left_out else 0
        if lines:
            count = before + lines
            self._add(Line(f"… {count:,} lines left out: they came too fast to be read", "note", left_out=count))
        else:
            self._add(Line(f"… {characters:,} characters left out", "note"))

    def _end_line(self) -> None:
        """What is printed next begins on a new line, without colour."""
        if unfinished := self.unfinished:
            self._add(unfinished)
            self._end_cell()
        self._writer = LineWriter()

    def _end_cell(self) -> None:
        """The newest cell reaches to here."""
        if self.cells.newest is not None:
            self.cells.newest.end = self.gone + len(self.lines)

    def _add(self, line: Line) -> None:
        self.lines.append(line)
        if len(self.lines) > MAX_LINES:
            gone = self.lines.popleft()
            if gone.plot is not None:
                self._figures.popleft()
                self._figures_weight -= _weight(gone)
            self.gone += 1
            self.lost += gone.left_out or 1


def _weight(line: Line) -> int:
    """Of a line that is a figure: bytes."""
    return len(line.text) + (0 if line.plot is None else size_of(line.plot))
