"""Options that several commands share."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, cast

import click
from click.core import ParameterSource

from fashion_tui.schema.builtin_recipes import RECIPES
from fashion_tui.schema.dataset import DATASETS, DEFAULT_DATASET, DEFAULT_IMAGE_SIZE, FITS, Fit, check_name
from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.models import MODELS
from fashion_tui.schema.paths import check_utf8, user_path
from fashion_tui.settings import user_settings

from .values import DATASET, FIT, MODEL, RECIPE, Checkpoint, RunName

Command = Callable[..., Any]


@dataclass(frozen=True)
class CommonOptions:
    """The options for the data set and the runs folder, which every command accepts. One that isn't given is None."""

    data: Path | None = None
    dataset: str | None = None
    """One of DATASETS, or the path of a folder of images."""
    runs: Path | None = None
    image_size: int | None = None
    fit: Fit | None = None

    def with_defaults(self, defaults: "CommonOptions") -> "CommonOptions":
        """Return a copy in which missing options are taken from `defaults`."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(defaults, **{name: value for name, value in own.items() if value is not None})

    @property
    def dataset_name(self) -> str:
        """Name of the data set, from --dataset or, by default, from the settings file."""
        return self.dataset or user_settings().dataset

    @property
    def runs_directory(self) -> Path:
        """The runs folder, from --runs or, by default, from `default_runs_dir`.

        The folder may not exist yet. Raises UserError if its path can't be used.
        """
        if self.runs is not None:
            return check_utf8(self.runs.absolute(), "--runs")
        # Imported here to keep `--help` fast.
        from fashion_tui.runs.location import default_runs_dir  # noqa: PLC0415

        return default_runs_dir()


def common_options(command: Command) -> Command:
    """Add the options for the data set and the runs folder. The command receives them as the argument `common`."""

    @click.option(
        "--data",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Folder that contains FashionMNIST/raw.  [env: FASHION_TUI_DATA]",
    )
    @click.option(
        "--dataset",
        type=DATASET,
        metavar="NAME|FOLDER",
        help=f"Data set: {', '.join(DATASETS)}, or a folder that contains a folder of images for each class, either "
        f"directly or in its folders train and test.  [default: {DEFAULT_DATASET}, or the one in the settings file]",
    )
    @click.option(
        "--image-size",
        type=int,
        metavar="PIXELS",
        help=f"Height and width to which the images of a folder are resized.  [default: {DEFAULT_IMAGE_SIZE}]",
    )
    @click.option(
        "--fit",
        type=FIT,
        metavar="NAME",
        help="How the images of a folder are made square: pad adds bars in the mean colour of the image's edge, crop "
        "cuts off the ends of the longer side.  [default: pad]",
    )
    @click.option(
        "--runs",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Folder with runs, or with logs of TensorBoard, Lightning or Hugging Face.  [env: FASHION_TUI_RUNS]",
    )
    @functools.wraps(command)
    def with_common(
        *arguments: Any,
        data: Path | None,
        dataset: str | None,
        runs: Path | None,
        image_size: int | None,
        fit: str | None,
        **options: Any,
    ) -> Any:
        if dataset is not None:
            check_name(dataset)
        if fit is not None and fit not in FITS:
            raise UsageError(f"unknown --fit {fit!r}; choose from {', '.join(FITS)}")
        common = CommonOptions(
            None if data is None else user_path(data, "--data"),
            dataset,
            None if runs is None else user_path(runs, "--runs"),
            image_size,
            cast("Fit | None", fit),
        )
        # Options given before the command's name are stored in the context.
        outer = click.get_current_context().find_object(CommonOptions)
        return command(*arguments, common=common if outer is None else common.with_defaults(outer), **options)

    return with_common


def is_given(name: str) -> bool:
    """Return whether an option is on the command line, before or after the command's name."""
    context = click.get_current_context()
    contexts = [context] if context.parent is None else [context, context.parent]
    return any(each.get_parameter_source(name) is ParameterSource.COMMANDLINE for each in contexts)


def run_argument(command: Command) -> Command:
    """Add the argument RUN. The command receives it as `name` and passes it to `runs.store.open_run`."""
    return click.argument("name", metavar="RUN", type=RunName())(command)


def json_option(command: Command) -> Command:
    """Add the --json option. The command receives it as the argument `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print only the result, as JSON, to stdout.")(command)


def network_options(command: Command) -> Command:
    """Add the options --recipe, --model and --args. The command receives --args as the argument `arguments`."""
    command = click.option(
        "--args", "arguments", default="{}", metavar="JSON", help="Keyword arguments of your class, as JSON."
    )(command)
    command = click.option(
        "--model",
        type=MODEL,
        metavar="M",
        help=f"Network to train: {', '.join(MODELS)}, file.py:Class or torchvision:NAME.  [default: the recipe's]",
    )(command)
    return click.option(
        "--recipe",
        type=RECIPE,
        metavar="NAME",
        help=f"Training recipe: {', '.join(RECIPES)}.  [default: guide, or the one in the settings file]",
    )(command)


def queue_option(command: Command) -> Command:
    """Add the --queue option. The command receives it as the argument `queue`."""
    return click.option(
        "--queue",
        "queue",
        is_flag=True,
        help="Wait until no other run in the runs folder uses the device. Paused runs keep their device. Queued runs "
        "start in the order in which they were queued. The Train pane changes the order, and fashion-tui stop removes "
        "a run from the queue. Runs started without --queue don't wait.",
    )(command)


def checkpoint_option(command: Command) -> Command:
    """Add the option --checkpoint."""
    return click.option(
        "--checkpoint",
        type=Checkpoint(),
        default="final",
        metavar="final|best|STEP",
        show_default=True,
        help="Checkpoint to use; best requires a run trained with --validation.",
    )(command)


def trust_option(command: Command) -> Command:
    """Add the option --trust. The command receives it as the argument `trusted`."""
    return click.option(
        "--trust",
        "trusted",
        is_flag=True,
        help="Allow the run's custom model to be executed, now and later. Read its model.py and its modules first.",
    )(command)
