"""The form that starts a run. It shows the values of a recipe and checks them as the user types."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar, cast

import msgspec
from rich.text import Text
from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import DescendantFocus, Key
from textual.validation import ValidationResult, Validator
from textual.widgets import Input, Label, Static

from fashion_tui.machine.gpus import has_gpu_driver
from fashion_tui.report.formatting import format_device, printable
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ATTENTION, BAD, MUTED
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.recipe import (
    CPU_MICRO_BATCH,
    CPU_RECIPES,
    PRECISIONS,
    RECIPES,
    Recipe,
    check_batch_size,
    check_recipe,
    learning_rate_warning,
)
from fashion_tui.schema.replies import Device, auto_problem
from fashion_tui.schema.requests import GetDevices
from fashion_tui.schema.run import RunConfig, check_run_values, short_name
from fashion_tui.settings import user_settings
from fashion_tui.tui.actions import key_hints
from fashion_tui.tui.dialogs.dialog import Dialog
from fashion_tui.tui.lab_app import LabApp, NetworkChoice
from fashion_tui.tui.widgets.cycle import Cycle


@dataclass(frozen=True, slots=True)
class RunChoices:
    """The result of the form: all settings of a run except the data set."""

    recipe: Recipe
    network: CustomModel | None
    """Custom model that replaces the recipe's network, or None."""
    seed: int
    device: str
    validation: int
    """Number of training images to hold out."""
    deterministic: bool
    """Whether to use only deterministic algorithms on a GPU."""


@dataclass(frozen=True, slots=True)
class Field:
    """A numeric field of the form."""

    name: str
    """Name of a field of Recipe, or `seed` or `validation`."""
    label: str
    hint: str
    convert: Callable[[str], int | float]


FIELDS: tuple[Field, ...] = (
    Field("epochs", "epochs", "passes over the training set", int),
    Field("batch_size", "batch size", "images per step", int),
    Field("learning_rate", "learning rate", "maximum of the schedule", float),
    Field("seed", "seed", "the same seed gives the same run", int),
    Field("validation", "validation", "training images to hold out; 0 for none", int),
)

MICRO_BATCH_HINT = f"on a CPU, BatchNorm uses micro-batches of {CPU_MICRO_BATCH}"
NO, YES = "no", "yes"

AUTO = "auto"
SAME_DEVICE_HINT = "the device of the run"
AUTO_DEVICE_HINT = "a GPU if there is one, else the CPU"


class CheckedBy(Validator):
    """Validates an input with a function that raises UserError."""

    def __init__(self, check: Callable[[str], object]) -> None:
        super().__init__()
        self._check = check

    def validate(self, value: str) -> ValidationResult:
        try:
            self._check(value)
        except UserError as error:
            return self.failure(str(error))
        return self.success()


class RunForm(Dialog[RunChoices | None]):
    """Asks for the values of a new run. The result is the user's choices, or None if the user cancels."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "cancel"),
        Binding("down", "app.focus_next", "next field", show=False),
        Binding("up", "app.focus_previous", "previous field", show=False),
    ]
    DEFAULT_CSS = """
    RunForm .panel { width: 92; max-height: 100%; }
    RunForm .title { margin: 0 0 1 0; }
    RunForm .field { height: auto; }
    RunForm Label { width: 15; color: $muted; }
    RunForm Input { width: 16; background: $surface; }
    RunForm #network { width: 16; height: 1; }
    RunForm .hint { width: 1fr; height: auto; margin: 0 0 0 2; color: $muted; }
    RunForm #keys { margin: 1 0 0 0; }
    """

    recipe_field = getters.query_one("#recipe", Cycle)
    precision_field = getters.query_one("#precision", Cycle)
    device_field = getters.query_one("#device", Cycle)
    deterministic_field = getters.query_one("#deterministic", Cycle)

    def __init__(
        self,
        train_images: int,
        dataset: str,
        network: NetworkChoice | None = None,
        like: RunConfig | None = None,
    ) -> None:
        """Create the form.

        `network` replaces the network of every recipe. If `like` isn't None, the initial values are those of this
        configuration, and its recipe is the only one.
        """
        super().__init__()
        self.train_images = train_images
        self.dataset = dataset
        self.network = network
        self._devices_requested = False
        self._devices: dict[str, Device] = {}
        """The devices that torch can use, by name."""
        self._auto_problem: str | None = None
        self._like = like
        self._recipe_names = tuple(RECIPES) if has_gpu_driver() else CPU_RECIPES
        if like is not None:
            self._recipe_names = (like.recipe.name,)
        preferred = user_settings().recipe
        self.recipe = self._recipe(preferred if preferred in self._recipe_names else self._recipe_names[0])

    def compose(self) -> ComposeResult:
        glyphs = terminal_glyphs()
        origin = "from the recipe" if self.network is None else printable(self.network.origin, glyphs)
        with Vertical(classes="panel"):
            title = "New run" if self._like is None else f"Repeat {short_name(self._like.run)} with changes"
            yield Static(Text.assemble((title, "bold"), (f"   on {self.dataset}", MUTED)), classes="title")
            with Horizontal(classes="field"):
                yield Label("recipe")
                yield Cycle(self._recipe_names, id="recipe", value=self.recipe.name)
                yield Static(self.recipe.summary, classes="hint", id="recipe-hint", markup=False)
            with Horizontal(classes="field"):
                yield Label("network")
                yield Static(printable(self.recipe.model, glyphs), id="network", markup=False)
                yield Static(origin, classes="hint", id="network-hint", markup=False)
            for field in FIELDS:
                with Horizontal(classes="field"):
                    yield Label(field.label)
                    yield Input(
                        value=self._initial_value(self.recipe, field),
                        id=field.name,
                        compact=True,
                        validators=[CheckedBy(lambda value, field=field: self._parse(field, value))],  # type: ignore[misc]
                    )
                    yield Static(field.hint, classes="hint", id=f"{field.name}-hint", markup=False)
            with Horizontal(classes="field"):
                yield Label("precision")
                yield Cycle(PRECISIONS, id="precision", value=self.recipe.precision)
                yield Static("bf16 is faster if the hardware supports it", classes="hint")
            with Horizontal(classes="field"):
                yield Label("device")
                yield Cycle(
                    self._device_names(()), id="device", value=AUTO if self._like is None else self._like.device
                )
                is_auto = self._like is None or self._like.device == AUTO
                hint = AUTO_DEVICE_HINT if is_auto else SAME_DEVICE_HINT
                yield Static(hint, classes="hint", id="device-hint", markup=False)
            with Horizontal(classes="field", id="deterministic-field"):
                yield Label("deterministic")
                is_deterministic = self._like is not None and self._like.deterministic
                yield Cycle((NO, YES), id="deterministic", value=YES if is_deterministic else NO)
                yield Static("deterministic on a GPU; may be slower", classes="hint")
            hints = (("enter", "start"), ("↑↓", "field"), ("←→", "choose"), ("esc", "cancel"))
            yield Static(key_hints(*hints), id="keys")

    def on_mount(self) -> None:
        self._input(FIELDS[0]).focus()
        # training on a CPU is always deterministic
        self.query_one("#deterministic-field").display = has_gpu_driver()
        if has_gpu_driver():  # the form shows the reason if torch can't use the GPU
            self._request_devices()

    def _input(self, field: Field) -> Input:
        return self.query_one(f"#{field.name}", Input)

    # Devices

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        if event.widget is self.device_field:
            self._request_devices()

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
            self._devices = {device.name: device for device in devices if device.problem is None}
            self._auto_problem = auto_problem(devices)
            self.device_field.set_values(self._device_names(self._devices))
            self._show_device()

    def _device_names(self, found: Iterable[str]) -> tuple[str, ...]:
        """Return the devices to choose from, including that of the run to repeat."""
        return tuple(dict.fromkeys((AUTO, *found, AUTO if self._like is None else self._like.device)))

    @on(Cycle.Changed, "#device")
    def _show_device(self) -> None:
        """Show the load of the chosen device. For `auto`, show the reason if it doesn't use the machine's GPU."""
        hint = self.query_one("#device-hint", Static)
        device = self._devices.get(self.device_field.value)
        if device is not None:
            hint.update(format_device(device))
        elif self.device_field.value != AUTO:
            hint.update(SAME_DEVICE_HINT)
        elif self._auto_problem is not None:
            hint.update(Text(f"the CPU: {self._auto_problem}", style=BAD))
        else:
            hint.update(AUTO_DEVICE_HINT)

    # Recipe and values

    def _recipe(self, name: str) -> Recipe:
        """Return a recipe. If the form was opened with a network, that network replaces the recipe's network."""
        recipe = RECIPES[name] if self._like is None else self._like.recipe
        return recipe if self.network is None else msgspec.structs.replace(recipe, model=self.network.name)

    def _initial_value(self, recipe: Recipe, field: Field) -> str:
        """Return a field's value in a recipe. A recipe has no seed and no validation images."""
        value = getattr(recipe, field.name, 0 if self._like is None else getattr(self._like, field.name, 0))
        return f"{value:g}" if isinstance(value, float) else str(value)

    @on(Cycle.Changed, "#recipe")
    def _show_recipe(self) -> None:
        """Show the values of the chosen recipe, except for those that the user has changed."""
        previous = self.recipe
        self.recipe = self._recipe(self.recipe_field.value)
        self.query_one("#recipe-hint", Static).update(self.recipe.summary)
        self.query_one("#network", Static).update(printable(self.recipe.model, terminal_glyphs()))
        for field in FIELDS:
            field_input = self._input(field)
            if field_input.value == self._initial_value(previous, field):
                field_input.value = self._initial_value(self.recipe, field)
        if self.precision_field.value == previous.precision:
            self.precision_field.value = self.recipe.precision

    @on(Input.Changed)
    def _show_hint(self, event: Input.Changed) -> None:
        """Show the error or warning for the field's value. If there is none, show the field's hint."""
        field = next(field for field in FIELDS if field.name == event.input.id)
        hint = self.query_one(f"#{field.name}-hint", Static)
        result = event.validation_result
        if result is not None and not result.is_valid:
            hint.update(Text(" ".join(result.failure_descriptions), style=BAD))
        else:
            if field.name == "learning_rate":
                recipe = msgspec.structs.replace(self.recipe, learning_rate=float(event.value))
                if (warning := learning_rate_warning(recipe)) is not None:
                    hint.update(Text(warning, style=ATTENTION))
                    return
            is_split = field.name == "batch_size" and int(event.value) > CPU_MICRO_BATCH
            hint.update(MICRO_BATCH_HINT if is_split else field.hint)

    def _parse(self, field: Field, value: str) -> int | float:
        """Return the value of a field as a number. Raises UserError if the value is invalid."""
        string = value.strip()
        try:
            number = field.convert(string)
        except ValueError:
            kind = "a whole number" if field.convert is int else "a number"
            raise UserError(f"{string!r} is not {kind}") from None
        if field.name == "seed":
            check_run_values(seed=int(number))
        elif field.name == "validation":
            check_run_values(validation=int(number))
            one_image = msgspec.structs.replace(self.recipe, batch_size=1)  # `_start` checks the actual batch size
            check_batch_size(one_image, self.train_images, int(number))
        else:
            recipe = msgspec.structs.replace(self.recipe, **{field.name: number})
            check_recipe(recipe, is_custom=self._custom_model is not None)
            check_batch_size(recipe, self.train_images)
        return number

    @property
    def _custom_model(self) -> CustomModel | None:
        return None if self.network is None else self.network.custom

    # Starting

    def on_key(self, event: Key) -> None:
        if event.key == "enter":  # if an Input has the focus, it posts Submitted instead
            event.stop()
            self._start()

    @on(Input.Submitted)
    def _start(self) -> None:
        """Dismiss the form with its values, or focus the first field with an invalid value."""
        values: dict[str, int | float] = {}
        for field in FIELDS:
            try:
                values[field.name] = self._parse(field, self._input(field).value)
            except UserError:
                self._input(field).focus()
                self.app.bell()
                return
        recipe = msgspec.structs.replace(
            self.recipe,
            epochs=values["epochs"],
            batch_size=values["batch_size"],
            learning_rate=values["learning_rate"],
            precision=self.precision_field.value,
        )
        try:
            check_batch_size(recipe, self.train_images, int(values["validation"]))
        except UserError as error:
            self.query_one("#validation-hint", Static).update(Text(str(error), style=BAD))
            self.query_one("#validation", Input).focus()
            self.app.bell()
            return
        self.dismiss(
            RunChoices(
                recipe=recipe,
                network=self._custom_model,
                seed=int(values["seed"]),
                device=self.device_field.value,
                validation=int(values["validation"]),
                deterministic=self.deterministic_field.value == YES,
            )
        )
