"""The form that opens another network: a built-in network, a network in a file, or a network of torchvision or timm."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import ClassVar, NamedTuple

import msgspec
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Label, Static

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import BAD
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.inputs import InputFunction, Inputs, parse_input_function, parse_inputs
from fashion_tui.schema.models import (
    ARGUMENTS_EXAMPLE,
    MODELS,
    TIMM,
    TORCHVISION,
    CustomModel,
    ModelFile,
    NamedModel,
    parse_arguments,
    parse_model_name,
)
from fashion_tui.schema.replies import ErrorCause, SourceTrace
from fashion_tui.tui.actions import key_hints
from fashion_tui.tui.dialogs.dialog import Dialog

from .network import ShownNetwork


class Field(NamedTuple):
    name: ErrorCause
    label: str
    hint: str
    placeholder: str = ""


FIELDS = (
    Field("source", "network", f"{', '.join(MODELS)}; file.py:Class; {TORCHVISION}resnet18; {TIMM}NAME"),
    Field("arguments", "arguments", f"class arguments as JSON: {ARGUMENTS_EXAMPLE}"),
    Field(
        "input",
        "inputs",
        "shapes without the batch axis: 1x28x28, or x=1x28x28 t=:int64; or a function of the batch size: file.py:make",
        "the default input of this network",
    ),
)


class FieldError(UserError):
    """Raised when the value of a field can't be used."""

    def __init__(self, field: ErrorCause, problem: str) -> None:
        super().__init__(problem)
        self.field = field


def read_network(name: str, arguments: str, input_strings: str) -> ShownNetwork:
    """Return the network that the fields specify. This may read a file. Raises FieldError if a value can't be used."""
    inputs = _parse_inputs(input_strings)
    values = _parse_arguments(arguments)
    try:
        model = parse_model_name(name)
        if isinstance(model, ModelFile):
            return ShownNetwork(model.path.name, model.read(values), inputs)
    except UserError as error:
        raise FieldError("source", str(error)) from error
    return ShownNetwork(model, NamedModel(model=model, arguments=values), inputs)


def default_values(name: str) -> Mapping[ErrorCause, str]:
    """Return the default arguments and inputs for a network of this name."""
    return {"source": name, "arguments": "", "input": ""}


def field_values(network: ShownNetwork) -> Mapping[ErrorCause, str]:
    """Return the values of the fields that describe a network."""
    model = network.model
    file = f"{model.file}:{model.class_name}" if isinstance(model, CustomModel) and model.file else ""
    return {
        "source": model.model if isinstance(model, NamedModel) else file,
        "arguments": msgspec.json.encode(model.arguments).decode() if model.arguments else "",
        "input": write_inputs(network.inputs),
    }


def write_inputs(inputs: Inputs) -> str:
    """Return the value of the field for these inputs."""
    return str(inputs) if isinstance(inputs, InputFunction) else " ".join(map(str, inputs))


def _parse_inputs(string: str) -> Inputs:
    try:
        return parse_input_function(string) if ".py:" in string else parse_inputs(string.split())
    except UserError as error:
        raise FieldError("input", str(error)) from error


def _parse_arguments(string: str) -> dict[str, object]:
    try:
        return parse_arguments(string or "{}")
    except UserError as error:
        raise FieldError("arguments", f"{error}; write it like {ARGUMENTS_EXAMPLE}") from error


def _require_table(trace: SourceTrace) -> None:
    """Raise FieldError if the network couldn't be created."""
    if trace.table is None:
        location = f"line {trace.line}: " if trace.line is not None else ""
        error = str(trace.error).replace("--input ", "")  # the field contains the values of the option
        raise FieldError(trace.cause or "source", f"{location}{error}")


def _allow_renaming(network: ShownNetwork, trace: SourceTrace) -> ShownNetwork:
    """Return the network with the class name found by the trace.

    `exact` is set to False, so that the user may rename the class in the editor.
    """
    model = network.model
    if isinstance(model, NamedModel):
        return network
    return replace(network, model=msgspec.structs.replace(model, class_name=trace.class_name, exact=False))


class NetworkForm(Dialog[ShownNetwork | None]):
    """Asks for a network. The result is a network that could be created, or None if the user cancels."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "dismiss", "cancel"),
        ("down", "app.focus_next", "next field"),
        ("up", "app.focus_previous", "previous field"),
    ]
    DEFAULT_CSS = """
    NetworkForm .panel { width: 92; }
    NetworkForm .title, NetworkForm .keys { height: 1; }
    NetworkForm .field { height: 1; margin: 1 0 0 0; }
    NetworkForm Label { width: 13; color: $muted; }
    NetworkForm Input { width: 1fr; background: $surface; }
    NetworkForm .hint { height: auto; max-height: 4; margin: 0 0 0 13; color: $muted; }
    NetworkForm .keys { margin: 1 0 0 0; }
    """

    def __init__(self, current: ShownNetwork, trace: Callable[[ShownNetwork], Awaitable[SourceTrace]]) -> None:
        """Create the form. The fields first describe the `current` network. `trace` is called to trace a network."""
        super().__init__()
        self._values = self._defaults = field_values(current)
        self._trace = trace

    def compose(self) -> ComposeResult:
        with Vertical(classes="panel"):
            yield Static(Text("Open network", "bold"), classes="title")
            for name, label, hint, placeholder in FIELDS:
                with Horizontal(classes="field"):
                    yield Label(label)
                    yield Input(
                        value=self._values.get(name, ""), placeholder=placeholder, id=f"network-{name}", compact=True
                    )
                yield Static(hint, id=f"hint-{name}", classes="hint", markup=False)
            yield Static(key_hints(("enter", "open"), ("↑↓", "field"), ("esc", "cancel")), classes="keys")

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        """Show the field's hint instead of its error. If the network has changed, show its defaults."""
        if event.input.id == "network-source":
            self._set_defaults(event.value.strip())
        for name, _, hint, _ in FIELDS:
            if event.input.id == f"network-{name}":
                self._hint(name).update(hint)

    def _set_defaults(self, source: str) -> None:
        """Set each field to its value for this network, unless the user has edited the field."""
        defaults = self._values if source == self._values["source"] else default_values(source)
        for name in ("arguments", "input"):
            field = self._input(name)
            if field.value == self._defaults[name]:
                field.value = defaults[name]
        self._defaults = defaults

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self._open()

    @work(exclusive=True)
    async def _open(self) -> None:
        values = [self._input(name).value.strip() for name, *_ in FIELDS]
        try:
            network = await asyncio.to_thread(read_network, *values)
            self._hint("source").update(f"opening {terminal_glyphs().ellipsis}")
            trace = await self._trace(network)
            _require_table(trace)
        except FieldError as error:
            for name, _, hint, _ in FIELDS:
                self._hint(name).update(Text(str(error), style=BAD) if name == error.field else Text(hint))
            self._input(error.field).focus()
        else:
            self.dismiss(_allow_renaming(network, trace))

    def _input(self, name: ErrorCause) -> Input:
        return self.query_one(f"#network-{name}", Input)

    def _hint(self, name: ErrorCause) -> Static:
        return self.query_one(f"#hint-{name}", Static)
