"""The form that starts a run: fields, groups, marks, and errors."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Static

from fashion_tui.data.sources import SYNTHETIC, SYNTHETIC_INFO
from fashion_tui.machine.threads import available_cpus
from fashion_tui.schema.builtin_recipes import GUIDE, STRONG
from fashion_tui.schema.fields import Field, FieldValue, fields_of
from fashion_tui.schema.recipe import FINE_TUNING, Recipe
from fashion_tui.schema.run import RunConfig
from fashion_tui.tui.lab_app import NetworkChoice
from fashion_tui.tui.theme import THEME
from fashion_tui.tui.train.form import queue_row
from fashion_tui.tui.train.form.choices import RunChoices
from fashion_tui.tui.train.form.left_out import left_out_row
from fashion_tui.tui.train.form.run_form import RunForm
from fashion_tui.tui.widgets.cycle import Cycle
from tests.runs.parts import make_run
from tests.tui.pilots import screen_text, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@asynccontextmanager
async def form(
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int] = (80, 24),
    network: NetworkChoice | None = None,
    marked: tuple[int, ...] = (),
) -> AsyncIterator[tuple[RunForm, Pilot[None], list[RunChoices | None]]]:
    """Open the form in a separate app. After the form is closed, the list contains its result."""
    monkeypatch.setattr("fashion_tui.tui.train.form.run_form.has_gpu_driver", lambda: False)
    app = App[None]()
    app.register_theme(THEME)
    app.theme = THEME.name
    results: list[RunChoices | None] = []
    async with app.run_test(size=size) as pilot:
        run_form = RunForm(SYNTHETIC_INFO, network, marked=marked)
        await app.push_screen(run_form, results.append)
        await until(pilot, lambda: app.focused is run_form.rows["epochs"].editor, "the form")
        yield run_form, pilot, results


def shows(pilot: Pilot[None], text: str) -> bool:
    return text in screen_text(pilot.app)


def note(run_form: RunForm, name: str) -> str:
    return str(run_form.query_one(f"#{name}-hint", Static).content)


def label(run_form: RunForm, name: str) -> str:
    return str(run_form.rows[name].query_one("Label", Static).content)


def another_value(field: Field, value: FieldValue) -> FieldValue:
    """Return a value of a field that differs from the given one and is valid with the others of the test."""
    if field.name == "optimizer":
        return "sgd"  # the only one that accepts momentum
    if field.type is bool:
        return not value
    if field.choices:
        return next(choice for choice in field.choices if choice != value)
    if isinstance(value, tuple):
        return (0.25,)
    assert isinstance(value, int | float)
    return 0.375 if field.about.lt == 1 else value + 1


async def test_every_field_sets_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    async with form(monkeypatch) as (run_form, pilot, results):
        values: dict[str, Any] = {}
        for name, row in run_form.rows.items():
            if name != "device" and row.field.about.group != FINE_TUNING:
                values[name] = another_value(row.field, row.original)
                row.set_value(values[name])
        await pilot.press("enter")
        (choices,) = results
    assert choices is not None
    assert choices.recipe == msgspec.structs.replace(
        GUIDE, **{name: values[name] for name in fields_of(Recipe) if name in values}
    )
    assert choices.settings == {name: values.get(name, "auto") for name in fields_of(RunConfig)}
    assert choices.queue, "on the CPU, a run waits until no other run trains"


async def test_a_network_of_torchvision_has_fields_for_fine_tuning(monkeypatch: pytest.MonkeyPatch) -> None:
    async with form(monkeypatch) as (run_form, _, _):
        assert not run_form.rows["freeze"].display
        assert not any(heading.display for name, heading in run_form._headings.items() if name == FINE_TUNING)
    values: dict[str, FieldValue] = {
        "weights": "default",
        "freeze": "conv1,layer1.*",
        "backbone_lr": 0.5,
        "input_size": 64,
    }
    async with form(monkeypatch, network=NetworkChoice("torchvision:resnet18")) as (run_form, pilot, results):
        for name, value in values.items():
            assert run_form.rows[name].display
            run_form.rows[name].set_value(value)
        await pilot.press("enter")
        (choices,) = results
    assert choices is not None
    expected: dict[str, Any] = {"model": "torchvision:resnet18", "mean": (0.0,), "std": (1.0,), **values}
    assert choices.recipe == msgspec.structs.replace(GUIDE, **expected)


async def test_an_unchanged_form_gives_the_recipe_and_the_defaults_of_train(monkeypatch: pytest.MonkeyPatch) -> None:
    async with form(monkeypatch) as (_, pilot, results):
        await pilot.press("enter")
        (choices,) = results
    assert choices is not None
    assert choices.recipe == GUIDE
    defaults = {name: field.default for name, field in fields_of(RunConfig).items()}
    assert choices.settings == defaults | {"threads": available_cpus()}


async def test_keys_reach_every_field_of_a_small_terminal_and_show_its_help(monkeypatch: pytest.MonkeyPatch) -> None:
    async with form(monkeypatch) as (run_form, pilot, _):
        listed = [row for row in run_form.rows.values() if row.display and row.field.name != "device"]
        for index, row in enumerate(listed):
            if index:
                await pilot.press("down")
            assert pilot.app.focused is row.editor
            assert run_form.query_one("#fields").region.contains_region(row.editor.region), row.field.name
            text = " ".join(screen_text(pilot.app).split())
            assert row.field.about.label in text
            assert f"{row.field.about.help} ({row.field.range}".rstrip(" (") in text
        groups = [list(rows) for _, rows in groupby(listed, lambda row: row.field.about.group)]
        listed[0].editor.focus()
        await pilot.pause()
        for rows in [*groups[1:], groups[-1]]:
            await pilot.press("pagedown")
            assert pilot.app.focused is rows[0].editor
            await until(pilot, partial(shows, pilot, f"\n {rows[0].field.about.group}\n"), "the heading")
        for rows in [*reversed(groups[:-1]), groups[0]]:
            await pilot.press("pageup")
            assert pilot.app.focused is rows[0].editor
        await pilot.press("up")
        assert pilot.app.focused is run_form.recipe_field


async def test_changed_fields_are_marked_until_they_are_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    async with form(monkeypatch) as (run_form, pilot, _):
        await pilot.press("3", "0", "down", "down", "right")
        await until(pilot, lambda: label(run_form, "precision") == "* precision", "the mark")
        assert (label(run_form, "epochs"), note(run_form, "epochs")) == ("* epochs", "recipe: 3")
        assert note(run_form, "precision") == "recipe: fp32"
        assert (label(run_form, "batch_size"), note(run_form, "batch_size")) == ("  batch size", "")
        run_form.rows["seed"].set_value(7)
        await until(pilot, lambda: note(run_form, "seed") == "default: 0", "the default")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: label(run_form, "precision") == "  precision", "no mark")
        run_form.recipe_field.value = "strong"
        await until(pilot, lambda: note(run_form, "epochs") == f"recipe: {STRONG.epochs}", "the recipe's value")
        assert run_form.rows["epochs"].editor.value == "30"
        assert run_form.rows["learning_rate"].editor.value == "0.1"
        run_form.rows["epochs"].editor.focus()
        await pilot.press("ctrl+r")
        await until(pilot, lambda: label(run_form, "epochs") == "  epochs", "no mark")
        assert run_form.rows["epochs"].editor.value == str(STRONG.epochs)


async def test_values_that_do_not_fit_together_are_reported_at_a_field(monkeypatch: pytest.MonkeyPatch) -> None:
    async with form(monkeypatch) as (run_form, pilot, results):
        run_form.rows["momentum"].set_value(0.9)
        await until(pilot, lambda: "momentum is 0.9" in note(run_form, "momentum"), "the error")
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.focused is run_form.rows["momentum"].editor, "the focus at the field")
        run_form.rows["early_stopping"].set_value("loss")  # the values of the recipe are reported first
        run_form.rows["optimizer"].set_value("sgd")
        await until(pilot, lambda: "early stopping needs" in note(run_form, "validation"), "the error")
        run_form.rows["validation"].set_value(500)
        await until(pilot, lambda: note(run_form, "momentum") == "recipe: 0", "no error")
        await until(pilot, lambda: "can't stop early" in note(run_form, "patience"), "the warning")
        run_form.rows["epochs"].set_value(6)  # more than the patience
        await until(pilot, lambda: "can't" not in note(run_form, "patience"), "no warning")
        await pilot.press("enter")
        await until(pilot, lambda: results, "the result")


async def test_runs_wait_in_the_queue_by_default_only_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_row, "resolves_to_cpu", lambda name: name == "cpu")
    async with form(monkeypatch) as (run_form, pilot, results):
        device, queued = run_form.rows["device"].editor, run_form.queue_row
        assert isinstance(device, Cycle)
        device.set_values(("auto", "cpu", "cuda:0"))
        shown = []
        for name in ("cpu", "cuda:0", "cpu"):
            device.value = name
            await pilot.pause()
            shown.append(queued.is_on)
        assert shown == [True, False, True]
        queued.editor.focus()
        await pilot.press("right")
        assert not queued.is_on, "the user has changed it"
        for name in ("cuda:0", "cpu"):
            device.value = name
            await pilot.pause()
        await pilot.press("enter")
        assert results[0] is not None
        assert not results[0].queue


async def test_all_fields_above_the_groups_can_be_reset_and_left_by_page_down(monkeypatch: pytest.MonkeyPatch) -> None:
    async with form(monkeypatch) as (run_form, pilot, _):
        monkeypatch.setattr(run_form, "_request_devices", lambda: None)  # there is no engine
        device, queued, recipe = run_form.rows["device"].editor, run_form.queue_row.editor, run_form.recipe_field
        assert isinstance(device, Cycle)
        device.set_values(("auto", "cpu"))
        for field in (device, queued, recipe):
            original = field.value
            field.focus()
            await pilot.press("right")
            assert field.value != original
            await pilot.press("ctrl+r")
            assert field.value == original
            for key in ("pagedown", "pageup"):
                field.focus()
                await pilot.press(key)
                assert pilot.app.focused is run_form.rows["epochs"].editor


async def test_marked_images_are_left_out_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    async with form(monkeypatch, marked=(3, 7)) as (run_form, pilot, results):
        row = run_form.rows["without_marked"]
        row.editor.focus()
        await until(pilot, lambda: shows(pilot, "leave out 2 images marked as mislabelled"), "the help")
        assert run_form._choices().left_out == ()
        await pilot.press("right", "enter")
        await until(pilot, lambda: bool(results), "the result")
    assert results[0] is not None
    assert results[0].left_out == (3, 7)
    async with form(monkeypatch) as (run_form, _, _):
        assert "without_marked" not in run_form.rows, "no image is marked"


async def test_a_repeated_run_leaves_the_same_images_out(tmp_path: Path) -> None:
    with make_run(tmp_path, dataset=SYNTHETIC, left_out=(5,)) as run:
        config = run.config
    row = left_out_row(SYNTHETIC, (3, 7), config)
    assert row is not None
    assert list(row.images) == [5]
    other = left_out_row(msgspec.structs.replace(SYNTHETIC, sha256="1" * 64), (3, 7), config)
    assert other is not None
    assert list(other.images) == [], "by default, nothing is left out of other images"
    row.set_value(value=False)
    other.set_value(value=True)
    assert list(row.images) == []
    assert list(other.images) == [3, 7]
