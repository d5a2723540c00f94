"""The lines of the transcript that the outputs of a kernel produce."""

import re

from fashion_tui.kernel.limits import MAX_LINES, MAX_PLOT_BYTES
from fashion_tui.kernel.outputs import Died, Display, Dropped, Error, Result, Stream
from fashion_tui.schema.plots import ImageGrid
from fashion_tui.tui.playground.transcript.scrollback import PLOT_DROPPED, Line, Scrollback

IMAGE = ImageGrid(count=1, height=160, width=160, channels=3, pixels=bytes(76_800), total=1)


def texts(scrollback: Scrollback) -> list[str]:
    return [line.label + line.text for line in scrollback.lines]


def test_layout_is_that_of_ipython() -> None:
    scrollback = Scrollback()
    scrollback.add_cell(12, "for i in x:\n    print(i)")
    scrollback.add(Stream("stdout", "a\nb\n"))
    scrollback.add_gap()
    scrollback.add_cell(13, "1")
    scrollback.add(Result(13, "1"))
    scrollback.add_gap()
    scrollback.add(Result(14, "tensor([[1],\n        [2]])"))
    assert texts(scrollback) == [
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


def test_unfinished_line_can_be_rewritten() -> None:
    scrollback = Scrollback()
    scrollback.add(Stream("stderr", "50%"))
    assert scrollback.unfinished == Line("50%")
    scrollback.add(Stream("stderr", "\r100%"))
    assert scrollback.unfinished == Line("100%")
    scrollback.add(Result(1, "2"))
    assert texts(scrollback) == ["100%", "Out[1]: 2"]
    assert scrollback.unfinished is None


def test_only_colour_sequences_are_kept() -> None:
    scrollback = Scrollback()
    evil = "\x1b]0;title\x07\x1b[2J\x1b[31mred\x1b[0m"
    scrollback.add(Stream("stdout", evil + "\n"))
    scrollback.add(Result(1, evil))
    scrollback.add(Display(evil))
    scrollback.add(Error("E", evil, evil))
    scrollback.add(Died(evil))
    scrollback.add_answer(evil, evil)
    assert len(scrollback.lines) == 6
    assert {re.sub(r"\x1b\[[0-9;]*m", "", line.text) for line in scrollback.lines} == {"red", "redred"}


def test_colour_ends_with_its_cell() -> None:
    scrollback = Scrollback()
    scrollback.add(Stream("stdout", "\x1b[31mred"))
    scrollback.add_gap()
    scrollback.add(Stream("stdout", "plain\n"))
    assert texts(scrollback) == ["\x1b[31mred\x1b[0m", "", "plain"]


def test_newest_lines_are_kept_and_the_others_counted() -> None:
    scrollback = Scrollback()
    scrollback.add(Stream("stdout", "".join(f"{number}\n" for number in range(MAX_LINES + 10))))
    assert len(scrollback.lines) == MAX_LINES
    assert scrollback.lines[0].text == "10"
    assert (scrollback.dropped_lines, scrollback.missing_lines) == (10, 10)
    for _ in range(3):
        scrollback.add(Dropped(1_000, 2_000))
    assert scrollback.lines[-1].text == "… 3,000 lines omitted: the output came too fast"
    scrollback.add(Stream("stdout", "x\n" * MAX_LINES))
    assert scrollback.missing_lines == MAX_LINES + 10 + 3_000


def test_length_of_a_line_is_bounded() -> None:
    scrollback = Scrollback()
    for _ in range(100):
        scrollback.add(Stream("stdout", "x" * 100_000))
    assert sum(len(line.text) for line in scrollback.lines) == 100 * 100_000 - len(scrollback.unfinished.text)  # type: ignore[union-attr]
    assert max(len(line.text) for line in scrollback.lines) <= 10_000


def test_plot_is_a_line_that_keeps_its_text() -> None:
    scrollback = Scrollback()
    scrollback.add(Stream("stdout", "printed"))
    scrollback.add(Display("caption\x1b[2J", IMAGE))
    scrollback.add(Result(7, "tensor([[1],\n        [2]])", IMAGE))
    assert list(scrollback.lines) == [
        Line("printed"),
        Line("caption", plot=IMAGE),
        Line("", label="Out[7]: "),
        Line("tensor([[1],\n        [2]])", plot=IMAGE),
    ]


def test_newest_plots_are_kept() -> None:
    scrollback = Scrollback()
    for number in range(300):
        scrollback.add(Stream("stdout", f"{number}\n"))
        scrollback.add(Display("", IMAGE))
    plots = [line for line in scrollback.lines if line.plot is not None]
    assert len(plots) == MAX_PLOT_BYTES // len(IMAGE.pixels)
    assert scrollback.dropped_plots == 300 - len(plots)
    assert len(scrollback.lines) == 600
    assert scrollback.lines[-1].plot == IMAGE
    assert scrollback.lines[1] == PLOT_DROPPED
    scrollback.add(Stream("stdout", "x\n" * (MAX_LINES - 1)))  # drops all earlier lines except the last one
    assert scrollback.lines[0].plot == IMAGE
    scrollback.add(Stream("stdout", "x\n"))
    before = scrollback.dropped_plots
    for _ in plots:
        scrollback.add(Display("", IMAGE))
    assert scrollback.dropped_plots == before


def test_text_of_one_stream_does_not_continue_a_line_of_the_other() -> None:
    scrollback = Scrollback()
    scrollback.add(Stream("stderr", "\rpart  50 %"))
    scrollback.add(Stream("stderr", "\rpart 100 %"))
    scrollback.add(Stream("stdout", "first\nsecond\n"))
    scrollback.add(Stream("stderr", "\n"))  # ends the progress bar's line, which has already ended
    scrollback.add(Stream("stdout", "third\n"))
    assert texts(scrollback) == ["part 100 %", "first", "second", "third"]


def test_late_output_is_inserted_below_its_cell() -> None:
    scrollback = Scrollback()
    first = scrollback.add_cell(1, "start()")
    scrollback.add(Stream("stdout", "started\n"))
    scrollback.add_gap()
    scrollback.add_late(first, Stream("stdout", "10 %"))
    assert texts(scrollback) == ["In [1]: start()", "started", "10 %", ""]
    second = scrollback.add_cell(2, "2")
    scrollback.add(Display("", plot=IMAGE))
    scrollback.add_late(first, Stream("stdout", "\r20 %\ndo"))
    scrollback.add_late(first, Stream("stderr", "warning\n"))
    scrollback.add_late(first, Stream("stdout", "\nne\n"))
    scrollback.add_gap()
    scrollback.add_late(first, Result(1, "5"))
    expected = ["In [1]: start()", "started", "20 %", "do", "warning", "ne", "Out[1]: 5", "", "In [2]: 2", "", ""]
    assert texts(scrollback) == expected
    assert [line.plot is not None for line in scrollback.lines].index(True) == 9
    lines = list(scrollback.lines)
    assert [line.text for line in lines[first.first_line : first.end_line]] == ["start()", *expected[1:6], "5"]
    assert (second.first_line, second.end_line) == (8, 10)
    assert first.result_text() == "5"


def test_late_output_after_an_empty_line_has_an_empty_line_below_it() -> None:
    scrollback = Scrollback()
    cell = scrollback.add_cell(1, "start()")
    scrollback.add(Stream("stdout", "\n"))
    scrollback.add_gap()
    scrollback.add_cell(2, "2")
    scrollback.add_late(cell, Stream("stdout", "late\n"))
    assert texts(scrollback) == ["In [1]: start()", "", "late", "", "In [2]: 2"]


def test_late_output_counts_towards_the_limits() -> None:
    scrollback = Scrollback()
    cell = scrollback.add_cell(1, "start()")
    scrollback.add_gap()
    newest = scrollback.add_cell(2, "2")
    for _ in range(MAX_PLOT_BYTES // len(IMAGE.pixels) + 1):
        scrollback.add_late(cell, Display("", plot=IMAGE))
    assert scrollback.dropped_plots > 0
    scrollback.add_late(cell, Stream("stdout", "line\n" * (MAX_LINES - 1)))
    assert len(scrollback.lines) == MAX_LINES
    assert scrollback.lines[newest.first_line - scrollback.dropped_lines].text == "2"
    scrollback.add(Stream("stdout", "line\n" * MAX_LINES))
    before = list(scrollback.lines)
    scrollback.add_late(cell, Stream("stdout", "unseen\n"))
    assert list(scrollback.lines) == before
