"""The form that starts a run: a recipe's values, each checked while it is typed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import msgspec
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import DescendantFocus, Key
from textual.message import Message
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from fashion_tui.machine.gpus import has_gpu_driver
from fashion_tui.report.formatting import format_device, printable
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ACCENT, BAD, MUTED
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
)
from fashion_tui.schema.replies import Device
from fashion_tui.schema.run import check_run_values
from fashion_tui.tui.lab_app import NetworkChoice
from fashion_tui.tui.widgets.cycle import Cycle


@dataclass(frozen=True, slots=True)
class RunChoices:
    """What the form gives: everything that a run is started with, but the data."""

    recipe: Recipe
    network: CustomModel | None
    """What the person has written, in the place of the recipe's."""
    seed: int
    device: str
    validation: int


@dataclass(frozen=True, slots=True)
class Field:
    """A figure of the form: where it stands in the recipe, or beside it."""

    name: str
    label: str
    hint: str
    read: Callable[[str], int | float]


FIELDS: tuple[Field, ...] = (
    Field("epochs", "epochs", "times through the training set", int),
    Field("batch_size", "batch size", "images in a step", int),
    Field("learning_rate", "learning rate", "the highest of its schedule", float),
    Field("seed", "seed", "the same seed gives the same run", int),
    Field("validation", "held out", "images kept to validate on; 0: none", int),
)


MICRO_BATCH_HINT = f"on a CPU, BatchNorm sees {CPU_MICRO_BATCH} at a time"
AUTO_DEVICE = "a GPU where there is one, or the CPU"


@dataclass
class DevicesWanted(Message):
    """The form has to know what devices there are; told to the widget that opened it."""

    form: "RunForm"


class RunForm(ModalScreen[RunChoices | None]):
    """Dismissed with the choices, or with None when the person thinks better of it."""

    CSS_PATH = "form.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "cancel"),
        Binding("down", "app.focus_next", "next field", show=False),
        Binding("up", "app.focus_previous", "previous field", show=False),
    ]

    def __init__(self, train_images: int, dataset: str, owner: Widget, network: NetworkChoice | None = None) -> None:
        """`network` takes the place of the recipes'.

        `owner` is asked for the machine's devices when they are needed: to know them takes an engine with torch.
        """
        super().__init__()
        self.owner = owner
        self.train_images = train_images
        self.dataset = dataset
        self.network = network
        self._devices_asked = False
        self._devices: dict[str, Device] = {}
        self.recipe = self._recipe(next(iter(RECIPES)))

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Text.assemble(("New run", "bold"), (f"   on {self.dataset}", MUTED)), classes="title")
            with Horizontal(classes="field"):
                yield Label("recipe")
                yield Cycle(tuple(RECIPES) if has_gpu_driver() else CPU_RECIPES, id="recipe")
                yield Static(self.recipe.summary, classes="hint", id="summary", markup=False)
            with Horizontal(classes="field"):
                yield Label("network")
                yield Static(printable(self.recipe.model, terminal_glyphs()), id="network", markup=False)
                yield Static(self._origin(), classes="hint", id="network-hint", markup=False)
            for field in FIELDS:
                with Horizontal(classes="field"):
                    yield Label(field.label)
                    yield Input(value=_initial(self.recipe, field), id=field.name, compact=True)
                    yield Static(field.hint, classes="hint", id=f"{field.name}-hint", markup=False)
            with Horizontal(classes="field"):
                yield Label("precision")
                yield Cycle(PRECISIONS, id="precision", value=self.recipe.precision)
                yield Static("bf16: faster where the hardware has it", classes="hint")
            with Horizontal(classes="field"):
                yield Label("device")
                yield Cycle(("auto",), id="device")
                yield Static(AUTO_DEVICE, classes="hint", id="device-hint", markup=False)
            yield Static(
                Text.assemble(
                    ("enter", ACCENT), ("  start     ", MUTED), ("↑↓", ACCENT), ("  field     ", MUTED),
                    ("←→", ACCENT), ("  choose     ", MUTED),
                    ("esc", ACCENT), ("  cancel", MUTED),
                ),
                id="keys",
            )  # fmt: skip

    def on_mount(self) -> None:
        self.query_one("#epochs", Input).focus()

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        if event.widget.id == "device":
            self._ask_for_devices()

    def _ask_for_devices(self) -> None:
        if not self._devices_asked:
            self._devices_asked = True
            self.owner.post_message(DevicesWanted(self))

    def offer_devices(self, devices: tuple[Device, ...]) -> None:
        """The devices that this machine has, once the engine has told."""
        self._devices = {device.name: device for device in devices}
        self.query_one("#device", Cycle).set_values(("auto", *self._devices))
        self._show_device()

    @on(Cycle.Changed, "#device")
    def _show_device(self) -> None:
        """Show the load of the chosen device."""
        device = self._devices.get(self.query_one("#device", Cycle).value)
        hint = AUTO_DEVICE if device is None else format_device(device)
        self.query_one("#device-hint", Static).update(hint)

    @on(Cycle.Changed, "#recipe")
    def _show_recipe(self) -> None:
        """The chosen recipe's values. What the person has chosen otherwise stays."""
        before = self.recipe
        self.recipe = self._recipe(self.query_one("#recipe", Cycle).value)
        self.query_one("#summary", Static).update(self.recipe.summary)
        self.query_one("#network", Static).update(printable(self.recipe.model, terminal_glyphs()))
        for field in FIELDS:
            typed = self.query_one(f"#{field.name}", Input)
            if typed.value == _initial(before, field):
                typed.value = _initial(self.recipe, field)
        precision = self.query_one("#precision", Cycle)
        if precision.value == before.precision:
            precision.value = self.recipe.precision

    @on(Input.Changed)
    def _check_field(self, event: Input.Changed) -> None:
        field = next(field for field in FIELDS if field.name == event.input.id)
        hint = self.query_one(f"#{field.name}-hint", Static)
        try:
            value = self._value(field)
        except UserError as error:
            hint.update(Text(str(error), style=BAD))
        else:
            is_split = field.name == "batch_size" and value > CPU_MICRO_BATCH
            hint.update(MICRO_BATCH_HINT if is_split else field.hint)

    def on_key(self, event: Key) -> None:
        if event.key == "enter":  # on whatever field: an Input has told so by itself
            event.stop()
            self.action_start()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.action_start()

    def action_start(self) -> None:
        """Start, or go to the first field that can't work."""
        values: dict[str, int | float] = {}
        for field in FIELDS:
            try:
                values[field.name] = self._value(field)
            except UserError:
                self.query_one(f"#{field.name}", Input).focus()
                self.app.bell()
                return
        recipe = msgspec.structs.replace(
            self.recipe,
            epochs=values["epochs"],
            batch_size=values["batch_size"],
            learning_rate=values["learning_rate"],
            precision=self.query_one("#precision", Cycle).value,
        )
        self.dismiss(
            RunChoices(
                recipe=recipe,
                network=self._written,
                seed=int(values["seed"]),
                device=self.query_one("#device", Cycle).value,
                validation=int(values["validation"]),
            )
        )

    @property
    def _written(self) -> CustomModel | None:
        return None if self.network is None else self.network.custom

    def _recipe(self, name: str) -> Recipe:
        """Return a recipe, with the network that the form was opened with."""
        recipe = RECIPES[name]
        return recipe if self.network is None else msgspec.structs.replace(recipe, model=self.network.name)

    def _origin(self) -> str:
        return "the recipe's" if self.network is None else printable(self.network.origin, terminal_glyphs())

    def _value(self, field: Field) -> int | float:
        """The figure in the field; UserError, saying what is wrong, where it can't work."""
        text = self.query_one(f"#{field.name}", Input).value.strip()
        try:
            value = field.read(text)
        except ValueError:
            kind = "a whole number" if field.read is int else "a number"
            raise UserError(f"{text!r} is not {kind}") from None
        if field.name == "seed":
            check_run_values(seed=int(value))
        elif field.name == "validation":
            check_run_values(validation=int(value))
            check_batch_size(self.recipe, self.train_images - int(value))
        else:
            recipe = msgspec.structs.replace(self.recipe, **{field.name: value})
            check_recipe(recipe, is_custom=self._written is not None)
            check_batch_size(recipe, self.train_images)
        return value


def _initial(recipe: Recipe, field: Field) -> str:
    """What stands in the field before the person types; what is no part of a recipe begins at 0."""
    value = getattr(recipe, field.name, 0)
    return f"{value:g}" if isinstance(value, float) else str(value)
