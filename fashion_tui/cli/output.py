"""Print the result of a command to stdout and everything else to stderr."""

import sys
from typing import Any

import msgspec
from rich.console import Console, RenderableType
from rich.progress import Progress, ProgressColumn

from fashion_tui.machine.threads import available_cpus
from fashion_tui.schema.dataset import SYNTHETIC_NOTICE, DatasetRef
from fashion_tui.schema.floats import encode_float

FILE_WIDTH = 100
"""Width of the output in columns if stdout isn't a terminal."""


def write_json(result: object) -> None:
    """Write a result to stdout as one line. Non-finite floats become "NaN", "Infinity" and "-Infinity"."""
    write_json_line(msgspec.json.encode(_encode_floats(msgspec.to_builtins(result))))


def write_json_line(line: bytes) -> None:
    """Write encoded JSON to stdout. It is UTF-8, whatever the terminal's encoding is."""
    sys.stdout.flush()
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


def _encode_floats(value: Any) -> Any:
    if isinstance(value, float):
        return encode_float(value)
    if isinstance(value, dict):
        return {key: _encode_floats(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encode_floats(item) for item in value]
    return value


def show(*renderables: RenderableType) -> None:
    """Print to stdout, using the whole width of the terminal."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=FILE_WIDTH)
    for renderable in renderables:
        console.print(renderable)


def stderr_console() -> Console:
    return Console(stderr=True, highlight=False)


def progress_bar(*columns: ProgressColumn) -> Progress:
    """Return a progress bar on stderr, shown only on a terminal and erased at the end."""
    console = stderr_console()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def warn_about_threads(count: int) -> None:
    """Warn if there are more threads than cores, which makes training many times slower."""
    cores = available_cpus()
    if count > cores:
        stderr_console().print(
            f"{count} threads on {cores} cores slow each other down; use --threads {cores}", style="dim"
        )


def note_synthetic(dataset: DatasetRef | str) -> None:
    """Print a note if the data set is synthetic."""
    name = dataset.name if isinstance(dataset, DatasetRef) else dataset
    if name == "synthetic":
        stderr_console().print(f"on {SYNTHETIC_NOTICE}", style="dim")
