"""The lines of the transcript, from what a kernel put out."""

import re

from fashion_tui.kernel.limits import MAX_LINES, MAX_PLOT_BYTES
from fashion_tui.kernel.outputs import Died, Display, Dropped, Error, Result, Stream
from fashion_tui.schema.plots import ImageGrid
from fashion_tui.tui.playground.transcript.scrollback import Line, Scrollback

PICTURE = ImageGrid(count=1, height=160, width=160, channels=3, pixels=bytes(76_800), total=1)


def texts(record: Scrollback) -> list[str]:
    return [line.label + line.text for line in record.lines]


def test_a_cell_stands_there_as_in_ipython() -> None:
    record = Scrollback()
    record.add_input(12, "for i in x:\n    print(i)")
    record.add(Stream("stdout", "a\nb\n"))
    record.add_gap()
    record.add_input(13, "1")
    record.add(Result(13, "1"))
    record.add_gap()
    record.add(Result(14, "tensor([[1],\n        [2]])"))
    assert texts(record) == [
        "In [12]: for i in x:",
        "             print(i)",
        "a",
        "b",
        "",
        "In [13]: 1",
        "Out[13]: 1",
        "",
        "Out[14]: ",
        "tensor([[1],",
        "        [2]])",
    ]


def test_a_line_that_is_being_printed_can_be_seen_and_rewritten() -> None:
    record = Scrollback()
    record.add(Stream("stderr", "50%"))
    assert record.unfinished == Line("50%")
    record.add(Stream("stderr", "\r100%"))
    assert record.unfinished == Line("100%")
    record.add(Result(1, "2"))
    assert texts(record) == ["100%", "Out[1]: 2"]
    assert record.unfinished is None


def test_nothing_but_colours_comes_through() -> None:
    record = Scrollback()
    evil = "\x1b]0;title\x07\x1b[2J\x1b[31mred\x1b[0m"
    record.add(Stream("stdout", evil + "\n"))
    record.add(Result(1, evil))
    record.add(Display(evil))
    record.add(Error("E", evil, evil))
    record.add(Died(evil))
    record.add_answer(evil, evil)
    assert len(record.lines) == 6
    assert {re.sub(r"\x1b\[[0-9;]*m", "", line.text) for line in record.lines} == {"red", "redred"}


def test_a_colour_does_not_outlive_its_cell() -> None:
    record = Scrollback()
    record.add(Stream("stdout", "\x1b[31mred"))
    record.add_gap()
    record.add(Stream("stdout", "plain\n"))
    assert texts(record) == ["\x1b[31mred\x1b[0m", "", "plain"]


def test_only_the_newest_lines_are_kept_and_all_others_counted() -> None:
    record = Scrollback()
    record.add(Stream("stdout", "".join(f"{number}\n" for number in range(MAX_LINES + 10))))
    assert len(record.lines) == MAX_LINES
    assert record.lines[0].text == "10"
    assert (record.gone, record.lost) == (10, 10)
    for _ in range(3):
        record.add(Dropped(1_000, 2_000))
    assert record.lines[-1].text == "… 3,000 lines left out: they came too fast to be read"
    record.add(Stream("stdout", "x\n" * MAX_LINES))
    assert record.lost == MAX_LINES + 10 + 3_000


def test_lines_that_were_never_ended_are_bounded_too() -> None:
    record = Scrollback()
    for _ in range(100):
        record.add(Stream("stdout", "x" * 100_000))
    assert sum(len(line.text) for line in record.lines) == 100 * 100_000 - len(record.unfinished.text)  # type: ignore[union-attr]
    assert max(len(line.text) for line in record.lines) <= 10_000


def test_a_figure_is_a_line_that_keeps_its_text() -> None:
    record = Scrollback()
    record.add(Stream("stdout", "printed"))
    record.add(Display("caption\x1b[2J", PICTURE))
    record.add(Result(7, "tensor([[1],\n        [2]])", PICTURE))
    assert list(record.lines) == [
        Line("printed"),
        Line("caption", plot=PICTURE),
        Line("", label="Out[7]: "),
        Line("tensor([[1],\n        [2]])", plot=PICTURE),
    ]


def test_of_many_figures_the_newest_are_kept() -> None:
    record = Scrollback()
    for number in range(300):
        record.add(Stream("stdout", f"{number}\n"))
        record.add(Display("", PICTURE))
    figures = [line for line in record.lines if line.plot is not None]
    assert len(figures) == MAX_PLOT_BYTES // len(PICTURE.pixels)
    assert record.faded == 300 - len(figures)
    assert len(record.lines) == 600
    assert record.lines[-1].plot == PICTURE
    assert record.lines[1] == Line("… a figure stood here: it is no longer kept", "note")
    record.add(Stream("stdout", "x\n" * (MAX_LINES - 1)))  # all but the last line of these is gone
    assert record.lines[0].plot == PICTURE
    record.add(Stream("stdout", "x\n"))
    before = record.faded
    for _ in figures:
        record.add(Display("", PICTURE))
    assert record.faded == before
