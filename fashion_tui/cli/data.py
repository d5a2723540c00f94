"""The data of a new run: found, fetched where nobody said where it is, and checked."""

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from fashion_tui.data.download import download
from fashion_tui.data.files import MissingData, find, verify
from fashion_tui.schema.dataset import DatasetRef

from .output import diagnostics
from .place import Place


def ready_data(place: Place) -> DatasetRef:
    """The data set, whole; UserError, saying what to do, where there is no way to it."""
    try:
        return verify(find(place.dataset_name, place.data))
    except MissingData:
        return _download()


def _download() -> DatasetRef:
    columns = (
        TextColumn("downloading Fashion-MNIST"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    console = diagnostics()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)
        return download(None, lambda done, total: bar.update(task, completed=done, total=total))
