"""Types of option values, which add shell completion.

Commands check the values themselves, because their error messages are clearer than those of click.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import click
from click.shell_completion import CompletionItem
from click.types import StringParamType

from fashion_tui.schema.builtin_recipes import RECIPES
from fashion_tui.schema.dataset import DATASETS, FITS
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.fields import Field
from fashion_tui.schema.models import MODELS
from fashion_tui.schema.paths import user_path
from fashion_tui.schema.recipe import DEFAULT_WEIGHTS, NONE
from fashion_tui.schema.text import printable

DEVICES = ("auto", "cpu", "cuda", "mps")


class Named(StringParamType):
    """A string. Shell completion suggests a fixed set of names, but other values are accepted, too."""

    name = "text"

    def __init__(self, values: Iterable[str], *, or_file: bool = False) -> None:
        """Create the type. If `or_file` is true, file names are completed, too."""
        self.values = tuple(values)
        self._or_file = or_file

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list["CompletionItem[str]"]:
        del ctx, param
        items = [CompletionItem(value) for value in self.values if value.startswith(incomplete)]
        return items if items or not self._or_file else [CompletionItem(incomplete, type="file")]


class Numbers(click.ParamType[tuple[float, ...]]):
    """One number, or one for each channel, separated by commas."""

    name = "numbers"

    def __init__(self, field: Field) -> None:
        self._field = field

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        del param, ctx
        return value if isinstance(value, tuple) else cast("tuple[float, ...]", self._field.parse(value))


class WeightsFile(Named):
    """`none`, `default`, or a file, whose path is made absolute."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        del param, ctx
        return value if value in self.values else str(user_path(value, "--weights").absolute())


class NameList(Named):
    """Names separated by commas."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list["CompletionItem[str]"]:
        del ctx, param
        complete, comma, last = incomplete.rpartition(",")
        return [CompletionItem(complete + comma + value) for value in self.values if value.startswith(last)]


class RunName(StringParamType):
    """A run: its id, a unique prefix of its id, its path, or `latest`."""

    name = "run"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list["CompletionItem[str]"]:
        del param
        if "/" in incomplete or incomplete.startswith("~"):
            return [CompletionItem(incomplete, type="dir")]
        return [
            CompletionItem(name) for name in ("latest", *_run_ids(_runs_directory(ctx))) if name.startswith(incomplete)
        ]


class DeletedRun(StringParamType):
    """A run in the trash: its id or a unique prefix of its id."""

    name = "run"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list["CompletionItem[str]"]:
        del param
        from fashion_tui.runs.trash import trash_folder  # noqa: PLC0415

        return [
            CompletionItem(name) for name in _run_ids(trash_folder(_runs_directory(ctx))) if name.startswith(incomplete)
        ]


class Checkpoint(StringParamType):
    """A checkpoint: `final`, `best`, or a step number."""

    name = "checkpoint"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list["CompletionItem[str]"]:
        del param
        names = ("final", "best", *map(str, _steps(ctx)))
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _runs_directory(context: click.Context) -> Path:
    """Return the runs folder for the command line that is being completed."""
    from fashion_tui.runs.location import default_runs_dir  # noqa: PLC0415 - imported here to keep `--help` fast

    contexts = [context, *([context.parent] if context.parent is not None else [])]
    chosen = next((value for each in contexts if (value := each.params.get("runs")) is not None), None)
    return default_runs_dir() if chosen is None else user_path(chosen, "--runs")


def _run_ids(folder: Path) -> list[str]:
    from fashion_tui.runs.store import run_ids  # noqa: PLC0415

    try:
        # Shells print completions unchanged, so ids with unprintable characters are left out.
        return [name for name in run_ids(folder) if name == printable(name)]
    except UserError:
        return []


def _steps(context: click.Context) -> list[int]:
    """Return the steps of all checkpoints of the run that is named on the command line."""
    from fashion_tui.runs.store import open_run  # noqa: PLC0415

    # click doesn't parse the arguments if the last option has no value yet.
    name = context.params.get("name") or next(iter(context.args), "")
    try:
        with open_run(_runs_directory(context), str(name)) as run:
            return run.checkpoints.steps()
    except UserError:
        return []


DATASET = Named(DATASETS, or_file=True)
FIT = Named(FITS)
DEVICE = Named(DEVICES)
MODEL = Named(MODELS, or_file=True)
WEIGHTS = WeightsFile((NONE, DEFAULT_WEIGHTS), or_file=True)
RECIPE = Named(RECIPES)
