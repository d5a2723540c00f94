"""The inputs of commands: data sets and custom models."""

from contextlib import AbstractContextManager

from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from fashion_tui.data.datasets import find, prepare, prepared_info
from fashion_tui.data.download import download
from fashion_tui.data.files import MissingData
from fashion_tui.data.pretrained import download_weights
from fashion_tui.data.published import DatasetSource
from fashion_tui.data.sources import SOURCES
from fashion_tui.schema import models
from fashion_tui.schema.dataset import DatasetInfo, DatasetRef, ImageTask
from fashion_tui.schema.errors import UsageError, caused_by
from fashion_tui.schema.fields import InvalidField
from fashion_tui.schema.fine_tuning import CheckedFineTuning, PublishedWeights
from fashion_tui.schema.models import TIMM, CustomModel, ModelFile, parse_model_name
from fashion_tui.schema.recipe import DEFAULT_WEIGHTS, Recipe, is_fine_tuned
from fashion_tui.schema.replies import Device
from fashion_tui.schema.requests import CheckFineTuning, CheckModel, FindDevice, GetPublishedWeights
from fashion_tui.schema.text import one_line, printable

from .engine import ask_engine
from .options import CommonOptions
from .output import print_warning, progress_bar


def find_dataset(common: CommonOptions) -> DatasetInfo:
    """Find and verify the data set. Download it if no folder was given and the data set isn't in the cache.

    Convert it if it has changed. Raises UserError, with a message that says what to do, if the data set
    isn't available.
    """
    with caused_by("data", "dataset", "image_size", "fit"):
        try:
            ref = find(common.dataset_name, common.data, image_size=common.image_size, fit=common.fit)
        except MissingData:
            ref = _download(SOURCES[common.dataset_name])
        return prepared_info(ref) or _import(ref)


def _import(ref: DatasetRef) -> DatasetInfo:
    """Read and convert a data set, and print a warning about files that can't be read."""
    with progress_bar(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    ) as bar:
        task = bar.add_task(f"reading {printable(ref.short_name)}", total=None)
        info = prepare(ref, lambda done, total: bar.update(task, completed=done, total=total)).info
    if info.skipped:
        first = info.skipped[0]
        count = len(info.skipped) - 1
        others = f", and {count:,} more, which fashion-tui audit --json lists" if count else ""
        print_warning(f"skipped {one_line(first.path)}: {first.reason}{others}")
    return info


def _download(source: DatasetSource) -> DatasetRef:
    with _download_bar() as bar:
        task = bar.add_task(f"downloading {source.title}", total=None)
        return download(source, None, lambda done, total: bar.update(task, completed=done, total=total))


def _download_bar() -> AbstractContextManager[Progress]:
    return progress_bar(
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()
    )


def parse_arguments(value: str) -> dict[str, object]:
    """Parse the value of --args, a JSON object."""
    try:
        return models.parse_arguments(value)
    except UsageError as error:
        raise UsageError(f"--args: {error}; write it like '{models.ARGUMENTS_EXAMPLE}'") from error


def read_custom_model(model: str | None, arguments: dict[str, object]) -> CustomModel | None:
    """Return the custom model named by --model, or None if the network is built-in."""
    with caused_by("model"):
        name = None if model is None else parse_model_name(model, to_train=True)
        if isinstance(name, ModelFile):
            return name.read(arguments)
        if name is not None and name.startswith(TIMM):
            raise UsageError(
                f"{name} can't be trained directly; choose a network of torchvision, or write a class that creates "
                "this one, and use --model file.py:Class"
            )
    if arguments:
        raise InvalidField(
            "arguments",
            f"built-in models take no arguments, but got {', '.join(map(repr, arguments))}; choose a custom model "
            "(file.py:Class)",
        )
    return None


def check_custom_model(model: CustomModel, task: ImageTask) -> CustomModel:
    """Execute the model's source. Return the model with its class name and the modules that it imports filled in.

    Raises UserError if the model can't be trained.
    """
    with caused_by("model", "arguments"):
        return ask_engine(CheckModel(network=model, task=task), CustomModel, "checking the model")


def prepare_fine_tuning(recipe: Recipe, task: ImageTask) -> CheckedFineTuning:
    """Check a network of torchvision and its frozen layers and weights. Download torchvision's weights if necessary.

    Any other network is returned unchanged. Raises UserError if the network can't be trained.
    """
    if not is_fine_tuned(recipe):
        return CheckedFineTuning(recipe=recipe)
    with caused_by("model", "weights", "freeze", "input_size"):
        if recipe.weights == DEFAULT_WEIGHTS:
            source = ask_engine(GetPublishedWeights(model=recipe.model), PublishedWeights, "looking for the weights")
            with _download_bar() as bar:
                task_id = bar.add_task(f"downloading {source.name}", total=None)
                download_weights(source, lambda done, total: bar.update(task_id, completed=done, total=total or None))
        request = CheckFineTuning(recipe=recipe, task=task)
        return ask_engine(request, CheckedFineTuning, "checking the network")


def check_device(name: str) -> None:
    """Raise UserError if --device names a device that this machine doesn't have."""
    if name not in {"auto", "cpu"}:
        with caused_by("device"):
            ask_engine(FindDevice(name=name), Device, "looking for the device")
