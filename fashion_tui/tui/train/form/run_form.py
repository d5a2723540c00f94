"""The form that starts a run. It shows the values of a recipe and checks them as the user types."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import ClassVar, cast

import msgspec
from rich.text import Text
from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import DescendantFocus, Key
from textual.widgets import Input, Label, Static

from fashion_tui.machine.gpus import has_gpu_driver
from fashion_tui.machine.threads import available_cpus
from fashion_tui.report.formatting import printable
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import MUTED
from fashion_tui.schema.builtin_recipes import CPU_RECIPES, RECIPES
from fashion_tui.schema.dataset import DatasetInfo
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.fields import Field, FieldValue, InvalidField, fields_of
from fashion_tui.schema.range_test import DEFAULT_STEPS
from fashion_tui.schema.recipe import FINE_TUNING, Recipe, adapt, is_fine_tuned, with_model
from fashion_tui.schema.replies import Device
from fashion_tui.schema.requests import FindLearningRate, GetDevices
from fashion_tui.schema.run import RunConfig, adapt_like, short_name
from fashion_tui.settings import user_settings
from fashion_tui.tui.actions import IN_FORM, bindings, key_hints, key_of
from fashion_tui.tui.dialogs.dialog import Dialog
from fashion_tui.tui.lab_app import LabApp, NetworkChoice
from fashion_tui.tui.widgets.cycle import Cycle

from .choices import RunChoices, warnings
from .devices import AUTO, DeviceChoices
from .left_out import left_out_row
from .queue_row import QUEUE_HELP, QueueRow
from .range_test import RangeTestDialog, is_same_test
from .row import FieldRow

RECIPE_HELP = "the values of all fields except those that you have changed"

DEVICE = "device"
"""Name of the field that is listed separately, because its choices depend on the machine."""


CheckChoices = Callable[[RunChoices], Awaitable[RunChoices | None]]
"""Returns the values with which a run starts, or None to keep the form open. Raises UserError if a value is invalid."""


class RunForm(Dialog[RunChoices | None]):
    """Asks for the values of a new run. The result is the user's choices, or None if the user cancels."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "cancel"),
        Binding("down", "app.focus_next", "next field", show=False),
        Binding("up", "app.focus_previous", "previous field", show=False),
        *bindings(IN_FORM),
    ]
    DEFAULT_CSS = Path(__file__).with_name("run_form.tcss").read_text(encoding="utf-8")

    AUTO_FOCUS = f"#{next(iter(fields_of(Recipe)))}"

    recipe_field = getters.query_one("#recipe", Cycle)

    def __init__(
        self,
        dataset: DatasetInfo,
        network: NetworkChoice | None = None,
        like: RunConfig | None = None,
        check: CheckChoices | None = None,
        marked: tuple[int, ...] = (),
    ) -> None:
        """Create the form.

        `network` replaces the network of every recipe. If `like` isn't None, the initial values are those of this
        configuration, and its recipe is the only one. `check` is called before the form closes, for checks that take
        time. `marked` are the indices of the training images that are marked as mislabelled.
        """
        super().__init__()
        self.dataset = dataset
        self.network = network
        self._like = like
        self._check = check
        self._tested: tuple[Recipe, float] | None = None
        """The recipe of the last range test and its suggestion, if it had one."""
        self._devices_requested = False
        self._devices = DeviceChoices(AUTO if like is None else like.device)
        self._recipe_names = tuple(RECIPES) if has_gpu_driver() else CPU_RECIPES
        if like is not None:
            self._recipe_names = (like.recipe.name,)
        preferred = user_settings().recipe
        self.recipe = self._recipe(preferred if preferred in self._recipe_names else self._recipe_names[0])
        self._original_recipe = self.recipe.name
        self.left_out_row = left_out_row(dataset.ref, marked, like)
        self.rows = {row.field.name: row for row in self._new_rows()}
        """The rows of all fields, keyed by the field's name."""
        self._headings: dict[str, Static] = {}
        """The headings of the groups, keyed by the group's name."""
        self.queue_row = QueueRow(AUTO if like is None else like.device)

    @property
    def dataset_title(self) -> str:
        return printable(self.dataset.title, terminal_glyphs())

    def _new_rows(self) -> Iterator[FieldRow]:
        recipe_origin, run_origin = ("recipe", "default") if self._like is None else ("original", "original")
        for field in fields_of(Recipe).values():
            yield FieldRow(field, getattr(self.recipe, field.name), recipe_origin)
        for field in fields_of(RunConfig).values():
            choices = self._devices.names if field.name == DEVICE else ()
            yield FieldRow(field, self._run_value(field), run_origin, choices)
        if self.left_out_row is not None:
            yield self.left_out_row

    def _run_value(self, field: Field) -> FieldValue:
        """Return the original value of a field that isn't part of the recipe."""
        if self._like is not None:
            return cast("FieldValue", getattr(self._like, field.name))
        return available_cpus() if field.default is None else field.default

    def compose(self) -> ComposeResult:
        glyphs = terminal_glyphs()
        origin = "from the recipe" if self.network is None else printable(self.network.origin, glyphs)
        with Vertical(classes="panel"):
            title = "New run" if self._like is None else f"Repeat {short_name(self._like.run)} with changes"
            yield Static(Text.assemble((title, "bold"), (f"   on {self.dataset_title}", MUTED)), classes="title")
            with Vertical(id="fields"):
                yield self.rows[DEVICE]
                yield self.queue_row
                with Horizontal(classes="field"):
                    yield Label("  network")
                    yield Static(printable(self.recipe.model, glyphs), id="network", markup=False)
                    yield Static(origin, classes="hint", id="network-hint", markup=False)
                with Horizontal(classes="field"):
                    yield Label("  recipe")
                    yield Cycle(self._recipe_names, id="recipe", value=self.recipe.name)
                    yield Static(self.recipe.summary, classes="hint", id="recipe-hint", markup=False)
                listed = (row for row in self.rows.values() if row.field.name != DEVICE)
                for group, rows in groupby(listed, lambda row: row.field.about.group):
                    yield self._headings.setdefault(group, Static(group, classes="group", markup=False))
                    yield from rows
            yield Static(id="help", markup=False)
            reset = (key_of("form", "reset"), "reset")
            group_keys = (f"{key_of('form', 'previous_group')}/{key_of('form', 'next_group')}", "group")
            hints = (("enter", "start"), ("↑↓", "field"), group_keys, ("←→", "choose"), reset, ("esc", "cancel"))
            yield Static(key_hints(*hints), id="keys")

    def on_mount(self) -> None:
        self.rows["deterministic"].display = has_gpu_driver()  # training on a CPU is always deterministic
        if not is_fine_tuned(self.recipe):
            self._headings[FINE_TUNING].display = False
            for row in self.rows.values():
                row.display = row.display and row.field.about.group != FINE_TUNING
        if has_gpu_driver():  # the form shows the reason if torch can't use the GPU
            self._request_devices()

    # Moving

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        row = self._row_of(event.widget)
        if event.widget is self.queue_row.editor:
            self._show_help(QUEUE_HELP)
            return
        if row is None:
            self._show_help(RECIPE_HELP)
            return
        about, limits = row.field.about, row.field.range
        hint = f"; {key_of('form', 'find_learning_rate')} suggests one" if row.field.name == "learning_rate" else ""
        self._show_help(f"{about.help} ({limits}){hint}" if limits else about.help)
        if row.field.name == DEVICE:
            self._request_devices()

    def _show_help(self, text: str) -> None:
        self.query_one("#help", Static).update(text, layout=False)

    def _row_of(self, widget: object) -> FieldRow | None:
        return next((row for row in self.rows.values() if row.editor is widget), None)

    def action_group(self, step: int) -> None:
        """Focus the first field of the next or the previous group."""
        first_rows = [next(rows) for _, rows in groupby(self._visible_rows(), lambda row: row.field.about.group)]
        focused = self._row_of(self.focused)
        names = [row.field.about.group for row in first_rows]
        index = -1  # above the first group
        if focused is not None and focused.field.name != DEVICE:
            index = names.index(focused.field.about.group)
        row = first_rows[min(max(index + step, 0), len(first_rows) - 1)]
        row.editor.focus(scroll_visible=False)
        self._headings[row.field.about.group].scroll_visible(animate=False, top=True)

    def _visible_rows(self) -> list[FieldRow]:
        return [row for row in self.rows.values() if row.display and row.field.name != DEVICE]

    def action_reset(self) -> None:
        """Set the focused field to its original value."""
        row = self._row_of(self.focused)
        if row is not None:
            row.reset()
        elif self.focused is self.queue_row.editor:
            self.queue_row.reset()
        elif self.focused is self.recipe_field:
            self.recipe_field.value = self._original_recipe

    # Devices

    def _request_devices(self) -> None:
        if not self._devices_requested:
            self._devices_requested = True
            self._load_devices()

    @work
    async def _load_devices(self) -> None:
        """Get the list of devices from the engine. This takes seconds if the engine has to import torch first."""
        try:
            devices = await cast("LabApp", self.app).engine.ask(GetDevices(), tuple[Device, ...])
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)
        else:
            self._devices.set_devices(devices)
            cast("Cycle", self.rows[DEVICE].editor).set_values(self._devices.names)
            self.show_problems()

    @on(Cycle.Changed, f"#{DEVICE}")
    def _device_changed(self, event: Cycle.Changed) -> None:
        self.queue_row.follow_device(event.value)

    # Recipe and values

    def _recipe(self, name: str) -> Recipe:
        """Return a recipe. If the form was opened with a network, that network replaces the recipe's network."""
        recipe = RECIPES[name] if self._like is None else self._like.recipe
        if self.network is not None:
            recipe = with_model(recipe, self.network.name)
        return adapt(recipe, self.dataset) if self._like is None else adapt_like(self._like, recipe, self.dataset)

    @on(Cycle.Changed, "#recipe")
    def _show_recipe(self) -> None:
        """Show the values of the chosen recipe, except for those that the user has changed."""
        self.recipe = self._recipe(self.recipe_field.value)
        self.query_one("#recipe-hint", Static).update(self.recipe.summary)
        self.query_one("#network", Static).update(printable(self.recipe.model, terminal_glyphs()))
        for name in fields_of(Recipe):
            self.rows[name].set_original(getattr(self.recipe, name))
        self.show_problems()

    @on(Input.Changed)
    @on(Cycle.Changed)
    def show_problems(self) -> None:
        """Show each field's error, warning or original value. Checks of the earlier values end."""
        self.workers.cancel_group(self, "check")
        errors = {error.field: str(error) for error in self._invalid_fields()}
        notes = self._notes(errors)
        for name, row in self.rows.items():
            row.show(errors.get(name), notes.get(name, ""))

    def _invalid_fields(self) -> list[InvalidField]:
        """Return an error for each value that is invalid by itself or, if there is none, with the other values."""
        errors = []
        for row in self.rows.values():
            try:
                row.value()
            except InvalidField as error:
                errors.append(error)
        if not errors:
            try:
                self._choices()
            except InvalidField as error:
                errors.append(error)
        return errors

    def _choices(self) -> RunChoices:
        """Return the values of the form. Raises InvalidField if one is invalid by itself or with the other values."""
        changes = {name: self.rows[name].value() for name in fields_of(Recipe)}
        recipe = msgspec.structs.replace(self.recipe, **changes)
        settings = {name: self.rows[name].value() for name in fields_of(RunConfig)}
        custom = None if self.network is None else self.network.custom
        suggestion = None
        if self._tested is not None and is_same_test(self._tested[0], recipe):
            suggestion = self._tested[1]
        left_out = () if self.left_out_row is None else self.left_out_row.images
        choices = RunChoices(recipe, custom, settings, self.queue_row.is_on, suggestion, left_out=left_out)
        choices.check(self.dataset)
        return choices

    def _notes(self, errors: Mapping[str, str]) -> dict[str, str | Text]:
        """Return the warnings about values, and the load of the chosen device."""
        names = ("epochs", "optimizer", "learning_rate", "batch_size", "early_stopping", "patience")
        values = {name: self.rows[name].value() for name in names if name not in errors}
        found = warnings(msgspec.structs.replace(self.recipe, **values))
        return found | {DEVICE: self._devices.note(self.rows[DEVICE].editor.value)}

    # Learning rate range test

    def action_find_learning_rate(self) -> None:
        """Run a range test with the values of the form. If the user accepts the suggestion, enter it in the form."""
        if self._focus_invalid():
            return
        choices = self._choices()
        request = FindLearningRate(
            recipe=choices.recipe,
            network=choices.network,
            dataset=self.dataset.ref,
            seed=choices.settings["seed"],
            device=choices.settings[DEVICE],
            steps=DEFAULT_STEPS,
        )

        dialog = RangeTestDialog(request, self.dataset_title)

        def take_over(suggestion: float | None) -> None:
            if dialog.result.suggestion is not None:
                self._tested = choices.recipe, dialog.result.suggestion
            if suggestion is not None:
                self.rows["learning_rate"].set_value(suggestion)
                self.rows["learning_rate"].editor.focus()

        self.app.push_screen(dialog, take_over)

    # Starting

    def on_key(self, event: Key) -> None:
        if event.key == "enter":  # if an Input has the focus, it posts Submitted instead
            event.stop()
            self._start()

    @on(Input.Submitted)
    def _start(self) -> None:
        """Check the values and dismiss the form with them, or focus the first field with an invalid value."""
        if not self._focus_invalid():
            self._check_and_dismiss(self._choices())

    @work(group="check", exclusive=True)
    async def _check_and_dismiss(self, choices: RunChoices) -> None:
        try:
            checked = choices if self._check is None else await self._check(choices)
        except UserError as error:
            self._show_error(error)
        else:
            if checked is not None:
                self.dismiss(checked)

    def _show_error(self, error: UserError) -> None:
        """Show an error at the field that causes it, and focus the field. If the field is unknown, show a message."""
        row = self.rows.get(error.fields[0]) if error.fields else None
        if row is None:
            self.notify(str(error), severity="error", markup=False)
        else:
            row.show(printable(str(error), terminal_glyphs()))
            row.editor.focus()
            self.app.bell()

    def _focus_invalid(self) -> bool:
        """Focus the first field with an invalid value. Return False if all values are valid."""
        if invalid := self._invalid_fields():
            self.show_problems()
            self.rows[invalid[0].field].editor.focus()
            self.app.bell()
        return bool(invalid)
