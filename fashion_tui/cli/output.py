"""What commands write: the answer on stdout, everything else on stderr."""

import math
import sys
from typing import Any

import click
import msgspec
from rich.console import Console, RenderableType

from fashion_tui.schema.dataset import SYNTHETIC_NOTICE, DatasetRef
from fashion_tui.threads import available_threads


def json_option(command: Any) -> Any:
    """Adds `--json` as the argument `as_json`."""
    return click.option(
        "--json", "as_json", is_flag=True, help="The answer as JSON on stdout, and nothing else there."
    )(command)


def write_json(answer: object) -> None:
    """One line. Floats that JSON doesn't know are written as "NaN", "Infinity" and "-Infinity"."""
    sys.stdout.write(msgspec.json.encode(_explicit(msgspec.to_builtins(answer))).decode() + "\n")
    sys.stdout.flush()


def _explicit(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _explicit(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_explicit(item) for item in value]
    return value


def show(*answer: RenderableType) -> None:
    """On stdout, as wide as the terminal; 100 columns where it is a file."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=100)
    for renderable in answer:
        console.print(renderable)


def diagnostics() -> Console:
    """The console on stderr."""
    return Console(stderr=True, highlight=False)


def note_threads(count: int) -> None:
    """Says so where there are more than cores, which makes a training many times slower."""
    cores = available_threads()
    if count > cores:
        diagnostics().print(
            f"{count} threads on {cores} cores wait for each other; --threads {cores} is faster", style="dim"
        )


def note_synthetic(dataset: DatasetRef | str | None) -> None:
    """Says so where the data isn't the real set."""
    name = dataset.name if isinstance(dataset, DatasetRef) else dataset
    if name == "synthetic":
        diagnostics().print(f"on {SYNTHETIC_NOTICE}", style="dim")
