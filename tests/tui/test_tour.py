"""The tour, followed on a real app with a real kernel, engine and trainer, and synthetic data."""

import math
import re
import time
from functools import partial
from pathlib import Path

import pytest
from textual.pilot import Pilot

from fashion_tui.tui.app import FashionApp
from fashion_tui.tui.model.pane import ModelPane
from fashion_tui.tui.playground.pane import PlaygroundPane
from fashion_tui.tui.tour import progress
from fashion_tui.tui.tour.panel import OFFER, TourPanel, marked_up
from fashion_tui.tui.tour.steps import CLOSING, INTRODUCTION, STEPS, first_of_chapter, instruction
from tests.tui.pilots import app_on, screen_text, until

RETRY_SECONDS = 3.0
"""Seconds after which a key is pressed again if the instruction says to press it `until` something happens."""


@pytest.fixture(autouse=True)
def new_state_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use an empty state directory, as on the first start."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


class Tourist:
    """Does what the panel says, and nothing else."""

    def __init__(self, app: FashionApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def panel(self) -> TourPanel:
        return self.app.screen_stack[0].query_one(TourPanel)

    def is_shown(self) -> bool:
        return bool(self.panel.display)

    @property
    def index(self) -> int:
        return self.panel._index

    @property
    def text(self) -> str:
        """The text that says what to do next, with its keys and its code marked."""
        assert self.panel._seen is not None
        return instruction(STEPS[self.index], self.panel._seen)

    async def follow(self) -> None:
        """Do what the panel says until the current step has happened."""
        index = self.index
        while self.index == index:
            text = self.text
            await until(self.pilot, partial(self._is_shown, text), f"{text!r} on the screen")
            if self.text == text:
                if not text.startswith("The run is starting"):  # names a key for another case
                    await self._do(text)
                retry = time.monotonic() + RETRY_SECONDS if "until" in text else math.inf
                await until(self.pilot, partial(self._may_go_on, index, text, retry), f"{STEPS[index].id}: {text!r}")

    def _is_shown(self, text: str) -> bool:
        """Return whether the text is visible on the screen or no longer current."""
        return self.text != text or marked_up(text).plain in screen_text(self.app)

    def _may_go_on(self, index: int, text: str, retry: float) -> bool:
        return self.index != index or self.text != text or time.monotonic() > retry

    async def _do(self, text: str) -> None:
        """Press the keys and type the code that the text names, in this order."""
        previous = ""
        for key, code in re.findall(r"\*\*(.+?)\*\*|`(.+?)`", text):
            if previous == "down":
                await self._go_down_to(code)
            elif code:
                await self.pilot.press(*code)
            elif key != "down":
                await self.pilot.press({"esc": "escape"}.get(key, key))
            previous = key

    async def _go_down_to(self, code: str) -> None:
        editor = self.app.query_one(ModelPane).editor.editor
        target = next(row for row, line in enumerate(editor.text.splitlines()) if line.strip().startswith(code))
        for _ in range(100):  # a line may be wrapped to several
            if editor.cursor_location[0] < target:
                await self.pilot.press("down")
        assert editor.cursor_location[0] == target


def lines_of(panel: TourPanel) -> list[str]:
    return [strip.text.strip() for strip in panel._strips]


@pytest.mark.timeout(400)  # on a busy machine
async def test_each_step_happens_by_the_keys_that_the_panel_names(tmp_path: Path) -> None:
    async with app_on(tmp_path / "runs", (80, 24)) as (app, pilot):
        tourist = Tourist(app, pilot)
        await pilot.press("f7")
        for index, step in enumerate(STEPS):
            assert tourist.index == index
            focused = app.focused
            await pilot.press("f7")
            assert not tourist.is_shown()
            await pilot.press("f7")
            assert tourist.is_shown()
            assert app.focused is focused
            assert tourist.panel.size.height == 3
            if step.id != "chart" or tourist.index == index:  # the run has ended meanwhile
                assert tourist.index == index
                await tourist.follow()
            assert step.outcome in lines_of(tourist.panel)[1]
        assert [line for line in screen_text(app).splitlines() if "Creating tensors" in line]
        _assert_nothing_is_cleaned_up(app)
        await pilot.press("f7")
        assert not tourist.is_shown()


def _assert_nothing_is_cleaned_up(app: FashionApp) -> None:
    table = app.query_one(PlaygroundPane).side_panel.tensors_view
    assert table is not None
    assert {"x", "y"} <= {row.name for row in table.tensors.rows}
    assert len(list(app.query_one(PlaygroundPane).repl.runner.scrollback.cells)) == 3
    assert app.query_one(ModelPane).editing
    assert [run.recipe for run in app.runs] == ["quick"]


async def test_tour_is_offered_on_the_first_start_only(tmp_path: Path) -> None:
    async with app_on(tmp_path / "runs", (80, 24)) as (app, pilot):
        await until(pilot, lambda: "New here?" in screen_text(app), "the offer")
        prompt = app.query_one(PlaygroundPane).repl.prompt
        await until(pilot, lambda: app.focused is prompt, "the focus on the prompt")
        await pilot.press("1", "enter")
        await until(pilot, lambda: "New here?" not in screen_text(app), "the end of the offer")
        assert app.focused is prompt
    async with app_on(tmp_path / "runs", (80, 24)) as (app, pilot):
        await until(pilot, lambda: "In [1]" in screen_text(app), "the Playground")
        assert not app.query(TourPanel)
        await pilot.press("f7")
        await until(pilot, lambda: "Tour 1/5" in screen_text(app), "the tour")


async def test_offer_ends_when_another_pane_is_chosen(tmp_path: Path) -> None:
    async with app_on(tmp_path / "runs", (80, 24)) as (app, pilot):
        await until(pilot, lambda: "New here?" in screen_text(app), "the offer")
        await pilot.press("f5")
        await until(pilot, lambda: "New here?" not in screen_text(app), "the end of the offer")


async def test_tour_continues_in_the_next_session_and_starts_again_from_the_palette(tmp_path: Path) -> None:
    progress.save(progress.default_path(), "repair")
    async with app_on(tmp_path / "runs", (60, 20)) as (app, pilot):
        await pilot.press("f7")
        panel = app.query_one(TourPanel)
        assert STEPS[panel._index].id == "shapes"
        await until(pilot, lambda: "Press f4 to go to Model" in screen_text(app), "the key that works in the prompt")
        await pilot.press("f3")
        await until(pilot, lambda: "Press 3 to go to Model" in screen_text(app), "the key that works in Data")
        await pilot.press("question_mark")
        await until(pilot, lambda: panel._seen is not None and panel._seen.place == "dialog", "the help")
        assert "esc" in lines_of(panel)[-1]
        await pilot.press("escape", "ctrl+p", *"tour again")
        await until(pilot, lambda: "Start the tour again" in screen_text(app), "the command")
        await pilot.press("enter")
        await until(pilot, lambda: "Press 1 to go to Playground" in screen_text(app), "the first step")
        assert panel._index == 0
        await pilot.press("1")
        await until(pilot, lambda: "requires_grad=True" in screen_text(app), "the code to type")
        assert "In [1]" in screen_text(app)
        assert panel.size.height < 6


def test_damaged_file_counts_as_the_beginning(tmp_path: Path) -> None:
    file = tmp_path / "tour.json"
    for content in (b"", b"\xff", b"[]", b'{"next": 3}'):
        file.write_bytes(content)
        assert progress.load(file) == ""
    assert first_of_chapter("nosuch") == 0


def test_every_text_fits_on_a_line_of_80_columns() -> None:
    texts = {text for step in STEPS for text in (*step.hints.values(), step.outcome)}
    assert {text for text in {*texts, INTRODUCTION, CLOSING, OFFER} if marked_up(text).cell_len > 76} == set()
