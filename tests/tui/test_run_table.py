"""The filter, order and columns of the list of runs in the Train pane."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Input

from fashion_tui.report.glyphs import ASCII, UNICODE
from fashion_tui.runs.notes import rename
from fashion_tui.runs.store import list_runs
from fashion_tui.schema.builtin_recipes import GUIDE
from fashion_tui.schema.run import short_name
from fashion_tui.tui import train
from fashion_tui.tui.dialogs.choice import ChoiceDialog
from fashion_tui.tui.train import stored_options
from fashion_tui.tui.train.arrangement import Arrangement, Arranger, Column, ListOptions, Outdated
from fashion_tui.tui.train.choose_fields import choose_columns, choose_order, next_order
from fashion_tui.tui.train.run_lines import RunLines, heading_line
from fashion_tui.tui.train.run_table import WIDE_COLUMNS, RunTable, columns_of, note_line
from fashion_tui.tui.train.stored_options import MAX_FOLDERS
from tests.runs.parts import make_run, steps, toy_loss

from .pilots import screen_text, until


def make_runs(folder: Path) -> None:
    """Create three ended runs: `one`, `two` and `three`, the newest. `three` has no metrics."""
    for number, (name, rate) in enumerate((("one", 0.001), ("two", 0.25), ("three", 0.01))):
        with make_run(folder, name=name, recipe=msgspec.structs.replace(GUIDE, learning_rate=rate)) as run:
            writer = run.event_writer()
            if name != "three":
                writer.write(steps(1, 4 + number))
            writer.close()
            ended = msgspec.structs.replace(
                run.read_status(), state="stopped", test_accuracy=0.9 + number / 100, train_seconds=60.0 + number
            )
            run.write_status(ended)


def names(runs: Any) -> list[str]:
    return [run.run.split("-")[2] for run in runs]


class TableApp(App[None]):
    CSS_PATH = Path(train.__file__).parent / "train.tcss"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def compose(self) -> ComposeResult:
        yield RunTable(self.folder)

    def on_mount(self) -> None:
        self.table.show(tuple(list_runs(self.folder)))

    @property
    def table(self) -> RunTable:
        return self.query_one(RunTable)


@asynccontextmanager
async def table_app(folder: Path) -> AsyncIterator[tuple[RunTable, Pilot[None]]]:
    app = TableApp(folder)
    async with app.run_test(size=(50, 40)) as pilot:
        await until(pilot, lambda: app.table.run_list.runs, "the runs")
        yield app.table, pilot


async def test_the_list_is_filtered_as_the_user_types_and_an_error_is_marked(tmp_path: Path) -> None:
    make_runs(tmp_path)
    async with table_app(tmp_path) as (table, pilot):
        table.edit_filter()
        await pilot.press(*"lr>0.1")
        await until(pilot, lambda: names(table.run_list.runs) == ["two"], "the matching run")
        await until(pilot, lambda: "1 of 3 runs" in screen_text(pilot.app), "the number of runs")
        await pilot.press(*" loss<a")
        await until(pilot, lambda: "'a' isn't a number" in screen_text(pilot.app), "the error")
        assert len(table.run_list.runs) == 3
        row = next(y for y, line in enumerate(screen_text(pilot.app).splitlines()) if "lr>0.1 loss<a" in line)
        strip = pilot.app.screen._compositor.render_strips()[row]
        marked = [segment.text for segment in strip if segment.style is not None and segment.style.bold]
        assert marked == ["a"]
        await pilot.press("enter")
        assert pilot.app.focused is table.run_list
        assert "lr>0.1 loss<a" in screen_text(pilot.app)
        table.edit_filter()
        await pilot.press("escape")
        await until(pilot, lambda: "loss<a" not in screen_text(pilot.app), "no filter")
        assert pilot.app.focused is table.run_list
        assert len(table.run_list.runs) == 3


async def test_a_hidden_run_is_revealed(tmp_path: Path) -> None:
    make_runs(tmp_path)
    async with table_app(tmp_path) as (table, pilot):
        table.change(ListOptions(filter="two"))
        await until(pilot, lambda: names(table.run_list.runs) == ["two"], "the matching run")
        hidden = next(run.run for run in list_runs(tmp_path) if "-one-" in run.run)
        assert not table.reveal(hidden)
        await until(pilot, lambda: len(table.run_list.runs) == 3, "all runs")
        assert table.reveal(hidden)
        assert table.run_list.chosen == hidden


async def test_chosen_columns_have_names_above_them(tmp_path: Path) -> None:
    make_runs(tmp_path)
    async with table_app(tmp_path) as (table, pilot):
        assert "test_accuracy" not in screen_text(pilot.app)
        table.change(ListOptions(columns=("name", "loss.best"), sort="-loss.best"))
        await until(pilot, lambda: "loss.best" in screen_text(pilot.app), "the names")
        heading, *rows = [line for line in screen_text(pilot.app).splitlines() if line.strip()]
        assert heading.split() == ["name", "loss.best↓"]
        assert [row.split()[-1] for row in rows] == [f"{best:.4g}" for best in (toy_loss(4), toy_loss(5))] + ["–"]
        assert heading.index("name") == rows[1].index(short_name(table.run_list.runs[1].run)), "they are aligned"
        table.run_list.show_letters((table.run_list.runs[0].run,))
        await until(pilot, lambda: "a ■" in screen_text(pilot.app), "the mark")
        await until(pilot, lambda: screen_text(pilot.app).startswith("     name"), "the names above the columns")
        row = screen_text(pilot.app).splitlines()[1]
        assert row.index(short_name(table.run_list.runs[0].run)) == 5


async def test_the_next_start_shows_the_same_filter_order_and_columns(tmp_path: Path) -> None:
    make_runs(tmp_path)
    chosen = ListOptions(filter="lr<0.1", sort="lr", columns=("name", "lr"))
    async with table_app(tmp_path) as (table, pilot):
        table.change(replace(chosen, filter=""))
        table.edit_filter()
        await pilot.press(*"lr<0.1", "enter")
        await until(pilot, lambda: names(table.run_list.runs) == ["one", "three"], "the matching runs")
        await until(pilot, lambda: stored_options.load(stored_options.default_path(), tmp_path) == chosen, "the file")
        table.edit_filter()
        await pilot.press("end", *" two")
        await until(pilot, lambda: table.run_list.runs == (), "no runs")
    async with table_app(tmp_path) as (table, pilot):
        assert table.options == chosen, "an incomplete filter isn't stored"
        await until(pilot, lambda: "2 of 3 runs" in screen_text(pilot.app), "the number of runs")
        assert "lr<0.1" in screen_text(pilot.app)
        assert names(table.run_list.runs) == ["one", "three"]
        assert "lr↑" in screen_text(pilot.app)


def test_options_are_stored_for_each_folder_and_a_damaged_file_counts_as_empty(tmp_path: Path) -> None:
    file = tmp_path / "state" / "run-lists.json"
    options = [ListOptions(sort=f"field{number}") for number in range(MAX_FOLDERS + 1)]
    for number, one in enumerate(options):
        stored_options.save(file, tmp_path / f"{number}", one)
    found = [stored_options.load(file, tmp_path / f"{number}") for number in range(len(options))]
    assert found == [ListOptions(), *options[1:]], "the oldest one is forgotten"
    for damaged in (b"[]", b'{"/runs": {"columns": 3}}', b"\xff", b"{"):
        file.write_bytes(damaged)
        assert stored_options.load(file, tmp_path / "1") == ListOptions()


def test_runs_are_arranged(tmp_path: Path) -> None:
    make_runs(tmp_path)
    runs = list_runs(tmp_path)
    arranger = Arranger(tmp_path, UNICODE)
    newest = arranger.arrange(runs, ListOptions(), bool)
    assert names(newest.runs) == ["three", "two", "one"]
    sorted_by_rate = arranger.arrange(runs, ListOptions(sort="lr", columns=("lr", "duration")), bool)
    assert names(sorted_by_rate.runs) == ["one", "three", "two"]
    assert [sorted_by_rate.cells[run.run] for run in sorted_by_rate.runs] == [
        ("0.001", "1:00"), ("0.01", "1:02"), ("0.25", "1:01")
    ]  # fmt: skip
    assert [(column.width, column.is_number) for column in sorted_by_rate.columns] == [(5, True), (9, True)]
    assert note_line(sorted_by_rate, ASCII).plain == ""
    invalid = arranger.arrange(runs, ListOptions(filter="one lr>x"), bool)
    assert (invalid.invalid, len(invalid.runs)) == ((7, 8), 3)
    assert "'x' isn't a number" in note_line(invalid, ASCII).plain
    filtered = arranger.arrange(runs, ListOptions(filter="lr<0.1", sort="-created"), bool)
    assert note_line(filtered, ASCII).plain == "2 of 3 runs"


def test_a_changed_run_is_read_again(tmp_path: Path) -> None:
    make_runs(tmp_path)
    runs = list_runs(tmp_path)
    arranger = Arranger(tmp_path, UNICODE)
    options = ListOptions(filter="wide")
    assert arranger.arrange(runs, options, bool).runs == ()
    with make_run(tmp_path, name="new") as run:
        rename(run.folder, "wide")
    assert names(arranger.arrange(list_runs(tmp_path), options, bool).runs) == ["new"]


def test_runs_with_the_same_title_differ_in_the_list(tmp_path: Path) -> None:
    for name, title in (("one", "wider"), ("two", "wider"), ("three", "unique"), ("four", "")):
        with make_run(tmp_path, name=name) as run:
            rename(run.folder, title)
    arranger = Arranger(tmp_path, ASCII)
    one, two, _, four = (short_name(run.run) for run in reversed(list_runs(tmp_path)))
    shown = [four, "unique", f"wider ({two})", f"wider ({one})"]
    lines = RunLines(arranger.arrange(list_runs(tmp_path), ListOptions(), bool), 60, ASCII, {})
    assert [line.plain[2:38].rstrip() for line in lines] == shown
    table = arranger.arrange(list_runs(tmp_path), ListOptions(filter="wider", columns=("name", "state")), bool)
    assert [table.cells[run.run][0] for run in table.runs] == shown[2:]


def test_reading_logs_stops_if_the_result_is_not_needed(tmp_path: Path) -> None:
    make_runs(tmp_path)
    arranger = Arranger(tmp_path, UNICODE)
    with pytest.raises(Outdated):
        arranger.arrange(list_runs(tmp_path), ListOptions(filter="loss<1"), lambda: True)
    assert arranger.metric_names() == []
    arranger.arrange(list_runs(tmp_path), ListOptions(filter="loss<1"), lambda: False)
    assert "loss" in arranger.metric_names()


def test_columns_that_do_not_fit_are_left_out(tmp_path: Path) -> None:
    make_runs(tmp_path)
    options = ListOptions(columns=("name", "lr", "state", "duration"))
    arrangement = Arranger(tmp_path, ASCII).arrange(list_runs(tmp_path), options, bool)
    for width, columns in ((60, 4), (28, 3), (20, 2), (14, 1), (8, 1)):
        lines = RunLines(arrangement, width, ASCII, {})
        assert len(heading_line(arrangement.columns, "", width, ASCII).plain.split()) == columns
        assert all(len(line.plain.rstrip()) <= width for line in lines[:])
        assert len(lines[0].plain.split()) == 1 + columns


@pytest.mark.parametrize(
    ("current", "name", "expected"),
    [("-created", "loss.best", "loss.best"), ("-created", "created", "created"), ("created", "created", "-created"),
     ("loss", "test_accuracy", "-test_accuracy"), ("-test_accuracy", "test_accuracy", "test_accuracy")],
)  # fmt: skip
def test_choosing_the_same_field_again_reverses_the_order(current: str, name: str, expected: str) -> None:
    assert next_order(current, name) == expected


async def test_order_and_columns_are_chosen_in_dialogs(tmp_path: Path) -> None:
    make_runs(tmp_path)
    async with table_app(tmp_path) as (table, pilot):
        app = pilot.app
        order = app.run_worker(choose_order(app, table, ("loss", "learning_rate")))
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog) and app.focused, "the dialog")
        await until(pilot, lambda: "created↓" in screen_text(app), "the current order")
        await pilot.press(*"loss.b", "enter")
        await order.wait()
        await until(pilot, lambda: names(table.run_list.runs) == ["two", "one", "three"], "the order")
        await until(pilot, lambda: "loss.best↑" in screen_text(app), "the field")
        assert f"  {toy_loss(5):.4g}" in screen_text(app), "its values"
        columns = app.run_worker(choose_columns(app, table, ("loss",)))
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog) and "✓" in screen_text(app), "the dialog")
        chosen = [line.split()[0] for line in screen_text(app).splitlines() if "✓" in line]
        assert chosen == ["loss.best", "epoch", "test_accuracy"], "those that the list shows"
        for name in ("recipe", "epoch", "recipe", "tag"):
            app.screen.query_one(Input).value = name
            await pilot.pause()
            await pilot.press("enter")
        await pilot.press("escape")
        await columns.wait()
        assert table.options.columns == ("loss.best", "test_accuracy", "tag")
        heading = ["name", "loss.best↑"]  # the list is too narrow for the others
        await until(pilot, lambda: screen_text(app).splitlines()[0].split() == heading, "the columns")


async def test_closing_the_dialog_without_a_change_keeps_the_short_lines(tmp_path: Path) -> None:
    make_runs(tmp_path)
    async with table_app(tmp_path) as (table, pilot):
        columns = pilot.app.run_worker(choose_columns(pilot.app, table, ("loss",)))
        await until(pilot, lambda: isinstance(pilot.app.screen, ChoiceDialog) and pilot.app.focused, "the dialog")
        await pilot.press("escape")
        await columns.wait()
        assert table.options == ListOptions()


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ((), ("name", "loss", "epoch", "test_accuracy")),
        (("lr", "name", "tag"), ("name", "loss", "lr", "tag")),
        (("tag", "loss"), ("name", "tag", "loss")),
    ],
)
def test_the_name_and_the_field_of_the_order_are_columns(chosen: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert columns_of(ListOptions(sort="-loss", columns=chosen), is_wide=False) == expected


def test_sorting_by_a_default_column_does_not_move_it() -> None:
    assert columns_of(ListOptions(sort="duration"), is_wide=True) == WIDE_COLUMNS


def test_a_long_name_leaves_space_for_the_second_column() -> None:
    columns = (Column("name", 32, is_number=False), Column("loss.best", 10, is_number=True))
    arrangement = Arrangement(columns=columns)
    assert heading_line(arrangement.columns, "loss.best", 34, ASCII).plain.split() == ["name", "loss.best^"]
    assert heading_line(arrangement.columns, "loss.best", 20, ASCII).plain.split() == ["name"]
