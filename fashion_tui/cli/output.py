"""Print the result of a command to stdout and everything else to stderr.

Commands print only through this module, which replaces unprintable characters.
"""

import csv
import io
import json
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click
import msgspec
from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import Progress, ProgressColumn
from rich.segment import Segment
from rich.text import Text

from fashion_tui.machine.threads import available_cpus
from fashion_tui.report.segments import printable_segment
from fashion_tui.report.style import ATTENTION
from fashion_tui.schema.dataset import SYNTHETIC_NOTICE
from fashion_tui.schema.floats import encode_float
from fashion_tui.schema.recipe import Recipe
from fashion_tui.schema.recipe_checks import early_stopping_warning, learning_rate_warning
from fashion_tui.schema.text import UNPRINTABLE, encodable_strings, printable

FILE_WIDTH = 100
"""Width of the output in columns if stdout isn't a terminal."""


class PrintableConsole(Console):
    """A console that replaces all unprintable characters. Rich removes only some of them."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        return map(printable_segment, super().render(renderable, options))


def print_line(text: str, *, err: bool = False) -> None:
    """Print a line to stdout or, if `err` is set, to stderr."""
    click.echo(printable(text), err=err)


def write_json(result: object) -> None:
    """Write a result to stdout as one line of UTF-8, regardless of the terminal's encoding.

    Non-finite floats become "NaN", "Infinity" and "-Infinity".
    """
    line = msgspec.json.encode(encodable_strings(_encode_floats(msgspec.to_builtins(result)))).decode()
    sys.stdout.flush()
    sys.stdout.buffer.write(f"{UNPRINTABLE.sub(_escape, line)}\n".encode())
    sys.stdout.buffer.flush()


def write_toml(text: str) -> None:
    """Write a TOML document to stdout in UTF-8, regardless of the terminal's encoding."""
    sys.stdout.flush()
    lines = [UNPRINTABLE.sub(lambda match: f"\\U{ord(match[0]):08X}", line) for line in text.splitlines()]
    sys.stdout.buffer.write("".join(f"{line}\n" for line in lines).encode())
    sys.stdout.buffer.flush()


def write_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table to stdout as CSV in UTF-8, regardless of the terminal's encoding. None becomes an empty field."""
    sys.stdout.flush()
    stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="")
    try:
        writer = csv.writer(stdout, lineterminator="\n")
        writer.writerow([printable(name) for name in header])
        writer.writerows(rows)
    finally:
        stdout.detach()  # otherwise, the wrapper would close the buffer


def _encode_floats(value: Any) -> Any:
    if isinstance(value, float):
        return encode_float(value)
    if isinstance(value, dict):
        return {key: _encode_floats(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encode_floats(item) for item in value]
    return value


def _escape(match: re.Match[str]) -> str:
    """Return the JSON escape sequence of a character."""
    return json.dumps(match[0]).strip('"')


def show(*renderables: RenderableType) -> None:
    """Print to stdout, using the whole width of the terminal."""
    # Don't use Console.is_terminal, which is also True for a file if FORCE_COLOR is set.
    console = PrintableConsole(highlight=False, width=None if sys.stdout.isatty() else FILE_WIDTH)
    for renderable in renderables:
        console.print(renderable)


def stderr_console() -> Console:
    return PrintableConsole(stderr=True, highlight=False)


def progress_bar(*columns: ProgressColumn) -> Progress:
    """Return a progress bar on stderr, shown only on a terminal and erased at the end."""
    console = stderr_console()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def print_warning(text: str) -> None:
    """Print a warning to stderr."""
    stderr_console().print(Text(f"warning: {text}", ATTENTION))


def warn_about_recipe(recipe: Recipe) -> None:
    """Warn if the learning rate is far outside the optimizer's usual range, or if the patience has no effect."""
    for warning in (learning_rate_warning(recipe), early_stopping_warning(recipe)):
        if warning is not None:
            print_warning(warning)


def warn_about_threads(count: int) -> None:
    """Warn if there are more threads than cores, which makes training many times slower."""
    cores = available_cpus()
    if count > cores:
        stderr_console().print(
            f"{count} threads are slower than {cores} on {cores} cores; use --threads {cores}", style="dim"
        )


def note_synthetic(name: str) -> None:
    """Print a note if the data set with this name is synthetic."""
    if name == "synthetic":
        stderr_console().print(f"on {SYNTHETIC_NOTICE}", style="dim")
