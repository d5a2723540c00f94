"""The cells of a session: which outputs are kept, and what is copied."""

from fashion_tui.kernel.limits import MAX_CHARACTERS, MAX_LINES
from fashion_tui.kernel.outputs import Died, Display, Dropped, Error, Result, Stream
from fashion_tui.schema.plots import ImageGrid
from fashion_tui.tui.playground.transcript.cells import MAX_CELLS, MAX_OUTPUT, Cell, output_text
from fashion_tui.tui.playground.transcript.scrollback import Scrollback


def newest(scrollback: Scrollback) -> Cell:
    cell = scrollback.cells.newest
    assert cell is not None
    return cell


def lines_of(scrollback: Scrollback, cell: Cell) -> list[str]:
    lines = list(scrollback.lines)[
        max(0, cell.first_line - scrollback.dropped_lines) : cell.end_line - scrollback.dropped_lines
    ]
    return [line.label + line.text for line in lines]


def test_cells_know_their_lines() -> None:
    scrollback = Scrollback()
    scrollback.add_note("welcome")
    scrollback.add_cell(1, "for i in x:\n    print(i)")
    scrollback.add(Stream("stdout", "a\nb"))
    scrollback.add_gap()
    scrollback.add_note("a note")
    scrollback.add_cell(2, "1")
    scrollback.add(Result(2, "1"))
    scrollback.add_gap()
    scrollback.add(Stream("stdout", "later\n"))  # printed by a thread
    first, second = scrollback.cells
    assert lines_of(scrollback, first) == ["In [1]: for i in x:", "            print(i)", "a", "b"]
    assert lines_of(scrollback, second) == ["In [2]: 1", "Out[2]: 1", "", "later"]
    scrollback.add(Stream("stdout", "x\n" * MAX_LINES))
    assert first.end_line <= scrollback.dropped_lines
    assert second.first_line < scrollback.dropped_lines < second.end_line
    assert set(lines_of(scrollback, second)) == {"x"}


def test_result_text_is_complete_and_without_colours() -> None:
    scrollback = Scrollback()
    scrollback.add_cell(1, "x")
    scrollback.add(Stream("stdout", "printed\n"))
    long = "\x1b[31m" + "x" * 30_000 + "\x1b[0m\n  two"
    scrollback.add(Result(1, long))
    assert newest(scrollback).result_text() == "x" * 30_000 + "\n  two"
    assert newest(scrollback).code == "x"


def test_result_text_without_a_value_is_everything_printed() -> None:
    scrollback = Scrollback()
    scrollback.add_cell(1, "x")
    scrollback.add(Stream("stdout", "10%\r"))
    scrollback.add(Stream("stdout", "100%\n"))
    scrollback.add(Stream("stderr", "warned\n"))
    scrollback.add(Display("shown"))
    scrollback.add_answer("who? ", "Ada")
    scrollback.add(Error("E", "e", "\x1b[31mTraceback\x1b[0m\nE: e"))
    scrollback.add(Died("the kernel died"))
    lines = ["100%", "warned", "shown", "who? Ada", "Traceback", "E: e", "the kernel died"]
    assert newest(scrollback).result_text().split("\n") == lines
    scrollback.add_cell(2, "y")
    assert newest(scrollback).result_text() == ""


def test_flood_of_output_drops_the_oldest_output_but_no_cell() -> None:
    scrollback = Scrollback()
    scrollback.add_cell(1, "kept = 1")
    scrollback.add(Result(1, "old"))
    scrollback.add_cell(2, "flood()")
    for number in range(2 * MAX_OUTPUT // 1_000):
        scrollback.add(Stream("stdout", f"{number:<9}\n" * 100))
    first, flood = scrollback.cells
    assert first.code == "kept = 1"
    assert (first.result_text(), first.is_truncated, flood.is_truncated) == ("", True, True)
    assert sum(len(output_text(output)) for output in flood.outputs) <= MAX_OUTPUT
    (stream,) = flood.merged_outputs()
    head, *lines = output_text(stream).splitlines()
    assert head.endswith("lines omitted")
    assert len(lines) <= MAX_LINES
    assert lines[-1].strip() == str(2 * MAX_OUTPUT // 1_000 - 1)
    assert len(output_text(stream)) <= MAX_CHARACTERS + 100


def test_dropped_output_marks_the_cell_truncated() -> None:
    scrollback = Scrollback()
    scrollback.add_cell(1, "flood()")
    scrollback.add(Dropped(1_000, 2_000))
    scrollback.add(Stream("stdout", "end\n"))
    assert newest(scrollback).is_truncated
    assert newest(scrollback).result_text() == "end"


def test_number_of_cells_is_bounded() -> None:
    scrollback = Scrollback()
    for number in range(MAX_CELLS + 5):
        scrollback.add_cell(number, "x")
    assert len(list(scrollback.cells)) == MAX_CELLS
    assert newest(scrollback).number == MAX_CELLS + 4


def test_snapshot_does_not_change() -> None:
    scrollback = Scrollback()
    scrollback.add_cell(1, "x")
    scrollback.add(Result(1, "1"))
    snapshot = newest(scrollback).snapshot()
    scrollback.add(Stream("stdout", "later"))
    assert len(snapshot.outputs) == 1


def test_control_sequences_are_removed_from_code() -> None:
    scrollback = Scrollback()
    scrollback.add_cell(1, "x = '\x1b]0;title\x07\x1b[2J'")
    assert [line.text for line in scrollback.lines] == ["x = ''"]


def test_plots_count_as_output() -> None:
    scrollback = Scrollback()
    scrollback.add_cell(1, "show(x)")
    image = ImageGrid(count=1, height=160, width=160, channels=3, pixels=bytes(3 * 160 * 160), total=1)
    for _ in range(2 * MAX_OUTPUT // len(image.pixels)):
        scrollback.add(Display("", image))
    cell = newest(scrollback)
    assert MAX_OUTPUT // 2 < len(cell.outputs) * len(image.pixels) <= MAX_OUTPUT
    assert cell.is_truncated
