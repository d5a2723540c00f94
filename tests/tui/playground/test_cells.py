"""The cells of a session: what is kept of each, and what of it is copied."""

from fashion_tui.kernel.limits import MAX_CHARACTERS, MAX_LINES
from fashion_tui.kernel.outputs import Died, Display, Dropped, Error, Result, Stream
from fashion_tui.schema.plots import ImageGrid
from fashion_tui.tui.playground.transcript.cells import MAX_CELLS, MAX_KEPT, Cell, text_of
from fashion_tui.tui.playground.transcript.scrollback import Scrollback


def newest(record: Scrollback) -> Cell:
    cell = record.cells.newest
    assert cell is not None
    return cell


def lines_of(record: Scrollback, cell: Cell) -> list[str]:
    lines = list(record.lines)[max(0, cell.first - record.gone) : cell.end - record.gone]
    return [line.label + line.text for line in lines]


def test_the_record_knows_where_each_cell_stands() -> None:
    record = Scrollback()
    record.add_note("welcome")
    record.add_input(1, "for i in x:\n    print(i)")
    record.add(Stream("stdout", "a\nb"))
    record.add_gap()
    record.add_note("a note")
    record.add_input(2, "1")
    record.add(Result(2, "1"))
    record.add_gap()
    record.add(Stream("stdout", "later\n"))  # printed by a thread
    first, second = record.cells
    assert lines_of(record, first) == ["In [1]: for i in x:", "            print(i)", "a", "b"]
    assert lines_of(record, second) == ["In [2]: 1", "Out[2]: 1", "", "later"]
    record.add(Stream("stdout", "x\n" * MAX_LINES))
    assert first.end <= record.gone
    assert second.first < record.gone < second.end
    assert set(lines_of(record, second)) == {"x"}


def test_a_value_is_copied_whole_and_without_colours() -> None:
    record = Scrollback()
    record.add_input(1, "x")
    record.add(Stream("stdout", "printed\n"))
    long = "\x1b[31m" + "x" * 30_000 + "\x1b[0m\n  two"
    record.add(Result(1, long))
    assert newest(record).text() == "x" * 30_000 + "\n  two"
    assert newest(record).code == "x"


def test_without_a_value_all_that_was_put_out_is_copied_as_it_reads() -> None:
    record = Scrollback()
    record.add_input(1, "x")
    record.add(Stream("stdout", "10%\r"))
    record.add(Stream("stdout", "100%\n"))
    record.add(Stream("stderr", "warned\n"))
    record.add(Display("shown"))
    record.add_answer("who? ", "Ada")
    record.add(Error("E", "e", "\x1b[31mTraceback\x1b[0m\nE: e"))
    record.add(Died("the kernel died"))
    lines = ["100%", "warned", "shown", "who? Ada", "Traceback", "E: e", "the kernel died"]
    assert newest(record).text().split("\n") == lines
    record.add_input(2, "y")
    assert newest(record).text() == ""


def test_a_flood_keeps_its_newest_lines_and_costs_older_cells_only_their_output() -> None:
    record = Scrollback()
    record.add_input(1, "kept = 1")
    record.add(Result(1, "old"))
    record.add_input(2, "flood()")
    for number in range(2 * MAX_KEPT // 1_000):
        record.add(Stream("stdout", f"{number:<9}\n" * 100))
    first, flood = record.cells
    assert first.code == "kept = 1"
    assert (first.text(), first.is_cut, flood.is_cut) == ("", True, True)
    assert sum(len(text_of(piece)) for piece in flood.pieces) <= MAX_KEPT
    (stream,) = flood.outputs()
    head, *lines = text_of(stream).splitlines()
    assert head.endswith("lines left out")
    assert len(lines) <= MAX_LINES
    assert lines[-1].strip() == str(2 * MAX_KEPT // 1_000 - 1)
    assert len(text_of(stream)) <= MAX_CHARACTERS + 100


def test_output_that_never_came_is_known_to_be_missing() -> None:
    record = Scrollback()
    record.add_input(1, "flood()")
    record.add(Dropped(1_000, 2_000))
    record.add(Stream("stdout", "end\n"))
    assert newest(record).is_cut
    assert newest(record).text() == "end"


def test_the_number_of_cells_is_bounded() -> None:
    record = Scrollback()
    for number in range(MAX_CELLS + 5):
        record.add_input(number, "x")
    assert len(list(record.cells)) == MAX_CELLS
    assert newest(record).number == MAX_CELLS + 4


def test_a_copy_for_another_thread_stays_as_it_is() -> None:
    record = Scrollback()
    record.add_input(1, "x")
    record.add(Result(1, "1"))
    copied = newest(record).copied()
    record.add(Stream("stdout", "later"))
    assert len(copied.pieces) == 1


def test_code_of_another_front_end_is_made_harmless_too() -> None:
    record = Scrollback()
    record.add_input(1, "x = '\x1b]0;title\x07\x1b[2J'")
    assert [line.text for line in record.lines] == ["x = ''"]


def test_figures_weigh_too() -> None:
    record = Scrollback()
    record.add_input(1, "show(x)")
    picture = ImageGrid(count=1, height=160, width=160, channels=3, pixels=bytes(3 * 160 * 160), total=1)
    for _ in range(2 * MAX_KEPT // len(picture.pixels)):
        record.add(Display("", picture))
    cell = newest(record)
    assert MAX_KEPT // 2 < len(cell.pieces) * len(picture.pixels) <= MAX_KEPT
    assert cell.is_cut
