"""The form that opens another network: ours, a file's, torchvision's, with its arguments and an input size."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import msgspec
from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static

from fashion_tui.report.style import ACCENT, BAD, MUTED
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.models import MODELS, CustomModel, NamedModel
from fashion_tui.schema.replies import ErrorCause, SourceTrace
from fashion_tui.schema.shapes import Shape, parse_shape

from .subject import Subject

TORCHVISION = "torchvision:"
FIELDS: tuple[tuple[ErrorCause, str, str], ...] = (
    ("source", "network", f"{', '.join(MODELS)}; file.py:Class; {TORCHVISION}resnet18"),
    ("arguments", "arguments", 'of the class, as JSON: {"width": 32}'),
    ("input", "input", "one sample's shape: 1x28x28"),
)


class Unusable(UserError):
    """What stands in a field can't be used."""

    def __init__(self, field: ErrorCause, words: str) -> None:
        super().__init__(words)
        self.field = field


def subject_of(network: str, arguments: str, input_size: str) -> Subject:
    """What the fields mean, with a file's source read. Raises Unusable."""
    size = _size(input_size)
    values = _arguments(arguments)
    if network in MODELS or network.startswith(TORCHVISION):
        return Subject(network, NamedModel(model=network, arguments=values), size)
    file, _, name = network.rpartition(":") if not network.endswith(".py") else (network, "", "")
    path = Path(file).expanduser()
    if path.suffix != ".py":
        raise Unusable("source", f"no network is called {network!r}")
    try:
        source = path.read_text(encoding="utf-8")
    except OSError as error:
        raise Unusable("source", f"{path} can't be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise Unusable("source", f"{path} is no text in UTF-8: {error}") from error
    written = CustomModel(source=source, class_name=name or None, arguments=values, file=str(path), exact=True)
    return Subject(path.name, written, size)


def _size(text: str) -> Shape:
    try:
        return parse_shape(text)
    except UserError as error:
        raise Unusable("input", str(error)) from error


def _arguments(text: str) -> dict[str, object]:
    try:
        values = json.loads(text or "{}")
    except json.JSONDecodeError as error:
        raise Unusable("arguments", f"no JSON: {error}") from error
    if not isinstance(values, dict):
        raise Unusable("arguments", 'give them by their names: {"width": 32}')
    return values


def _refuse_without_table(trace: SourceTrace) -> None:
    """Unusable where the network couldn't be made."""
    if trace.table is None:
        place = f"line {trace.line}: " if trace.line is not None else ""
        raise Unusable(trace.cause or "source", f"{place}{trace.error}")


def _settled(subject: Subject, trace: SourceTrace) -> Subject:
    """From now on its class may be renamed."""
    network = subject.network
    if isinstance(network, NamedModel):
        return subject
    return replace(subject, network=msgspec.structs.replace(network, class_name=trace.class_name, exact=False))


class NetworkForm(ModalScreen[Subject | None]):
    """Dismissed with the network as soon as it could be made, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "dismiss", "cancel"),
        ("down", "app.focus_next", "next field"),
        ("up", "app.focus_previous", "previous field"),
    ]
    DEFAULT_CSS = """
    NetworkForm { align: center middle; background: $background 60%; }
    NetworkForm > Vertical { width: 92; max-width: 96%; height: auto; padding: 1 2; background: $panel; }
    NetworkForm .title, NetworkForm .keys { height: 1; }
    NetworkForm .field { height: 1; margin: 1 0 0 0; }
    NetworkForm Label { width: 11; color: $muted; }
    NetworkForm Input { width: 1fr; background: $surface; }
    NetworkForm .hint { height: auto; max-height: 2; margin: 0 0 0 11; color: $muted; }
    NetworkForm .keys { margin: 1 0 0 0; }
    """

    def __init__(self, values: dict[ErrorCause, str], check: Callable[[Subject], Awaitable[SourceTrace]]) -> None:
        """`values` stand in the fields at first; `check` traces a network."""
        super().__init__()
        self._values = values
        self._check = check

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Text("Another network", "bold"), classes="title")
            for name, label, hint in FIELDS:
                with Horizontal(classes="field"):
                    yield Label(label)
                    yield Input(value=self._values.get(name, ""), id=f"network-{name}", compact=True)
                yield Static(hint, id=f"hint-{name}", classes="hint", markup=False)
            keys = (("enter", ACCENT), ("  open     ", MUTED), ("↑↓", ACCENT), ("  field     ", MUTED))
            yield Static(Text.assemble(*keys, ("esc", ACCENT), ("  cancel", MUTED)), classes="keys")

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        for name, _, hint in FIELDS:
            if event.input.id == f"network-{name}":
                self.query_one(f"#hint-{name}", Static).update(hint)

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self._open()

    @work(exclusive=True)
    async def _open(self) -> None:
        texts = [self.query_one(f"#network-{name}", Input).value.strip() for name, _, _ in FIELDS]
        try:
            subject = await asyncio.to_thread(subject_of, *texts)
            self.query_one("#hint-source", Static).update("opening …")
            trace = await self._check(subject)
            _refuse_without_table(trace)
        except Unusable as error:
            for name, _, hint in FIELDS:
                shown = Text(str(error), style=BAD) if name == error.field else Text(hint)
                self.query_one(f"#hint-{name}", Static).update(shown)
            self.query_one(f"#network-{error.field}", Input).focus()
        else:
            self.dismiss(_settled(subject, trace))
