"""Any data set, whether published, synthetic or a folder of the user's images: find it, prepare it, and read it.

A data set is prepared once: published files are verified, and a folder of images is converted into the cache. From then
on, any process can map its images into memory at once, without torch.
"""

import os
import shlex
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import psutil

from fashion_tui.schema.dataset import (
    DATASETS,
    DEFAULT_FIT,
    DEFAULT_IMAGE_SIZE,
    FOLDER,
    MAX_IMAGE_SIZE,
    DatasetInfo,
    DatasetRef,
    Fit,
    Split,
    unknown_dataset,
)
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.paths import check_utf8, user_path
from fashion_tui.settings import user_settings

from . import files, preparation
from .sources import SYNTHETIC, SYNTHETIC_INFO
from .stored import Progress, StoredDataset, cache_directory, prepared_copies, read_stored, write_stored

MAX_MEMORY_FRACTION = 0.5
"""Maximum fraction of the free memory to use for a data set. A larger one is mapped instead of being read."""


class ChangedData(UserError):
    """Raised when a data set no longer has the content that a run was trained on."""


def find(
    name: str, directory: Path | None = None, *, image_size: int | None = None, fit: Fit | None = None
) -> DatasetRef:
    """Check that a data set exists, and return a reference to it.

    `name` is one of DATASETS, which are searched for in the data folder `directory`; or the path of a folder with
    images, for which `image_size` and `fit` say how its images are resized. The files aren't read, so `sha256` is
    empty, except for synthetic data.

    Raises UsageError for an unknown name or an invalid image size, WrongFolder or MissingData if a file is missing, and
    UserError if the path of the folder can't be used.
    """
    if name not in DATASETS:
        return _find_folder(name, image_size, fit)
    if image_size is not None or fit is not None:
        option = "--image-size" if image_size is not None else "--fit"
        raise UsageError(f"{option} is only for a folder of images; the images of {name} aren't resized")
    return files.find(name, directory)


def _find_folder(name: str, image_size: int | None, fit: Fit | None) -> DatasetRef:
    size = DEFAULT_IMAGE_SIZE if image_size is None else image_size
    if not 1 <= size <= MAX_IMAGE_SIZE:
        raise UsageError(f"--image-size is {size}; it must be between 1 and {MAX_IMAGE_SIZE:,} pixels")
    folder = user_path(name, "the folder of images")
    if not os.path.isdir(folder):  # noqa: PTH112 - Path.is_dir may raise
        raise unknown_dataset(name)
    directory = check_utf8(folder.resolve(), "the folder of images")
    return DatasetRef(name=FOLDER, directory=str(directory), sha256="", image_size=size, fit=fit or DEFAULT_FIT)


def locate(ref: DatasetRef) -> DatasetRef:
    """Return a reference to the same data set where it is now.

    If a published data set is no longer in its folder, search the default data folder and the folders in which it was
    prepared before. If a folder of images has changed or no longer exists, search for another folder that was read
    before and has the same images. Raises UserError if the data set isn't found.
    """
    if ref.name == FOLDER:
        return _locate_folder(ref)
    copies = (copy.directory for copy in prepared_copies("datasets", ref.sha256))
    for directory in (ref.directory, None, *copies):
        with suppress(files.MissingData, files.WrongFolder):
            found = files.find(ref.name, None if directory is None else Path(directory))
            return msgspec.structs.replace(found, sha256=ref.sha256)
    if ref.directory is None:
        return files.find(ref.name)  # raises an error that says where the default data folder is
    raise UserError(f"{ref.name} is no longer in {ref.directory}; {_advice(ref)}")


def _locate_folder(ref: DatasetRef) -> DatasetRef:
    exists = os.path.isdir(ref.directory or "")  # noqa: PTH112 - Path.is_dir may raise
    if exists and (not ref.sha256 or _is_unchanged(ref, ref.sha256)):
        return ref
    for copy in prepared_copies("folders", ref.sha256):
        if _is_unchanged(copy, ref.sha256):
            return copy
    if not exists:
        raise UserError(f"the folder of images {ref.directory} no longer exists; move it back, or {_advice(ref)}")
    return ref


def _is_unchanged(folder: DatasetRef, sha256: str) -> bool:
    """Return whether a folder of images had this SHA-256 when it was read, and no file has changed since."""
    try:
        stored = open_prepared(folder)
    except UserError:
        return False
    return stored is not None and stored.info.ref.sha256 == sha256


def _advice(ref: DatasetRef) -> str:
    """Return advice on how to specify the folder with the original images of a data set."""
    if ref.name != FOLDER:
        return f"name the folder that contains the original {ref.name} with --data DIR"
    return f"name the folder that has the original images with --dataset FOLDER {size_options(ref)}"


def size_options(ref: DatasetRef) -> str:
    """Return the options with which the images of a folder are resized in the same way."""
    return f"--image-size {ref.image_size} --fit {ref.fit}"


def dataset_options(ref: DatasetRef) -> str:
    """Return the options of commands that select a data set, quoted for the shell.

    They are an empty string if commands use the data set by default, and `--dataset 'my cats' --image-size 64` for a
    folder whose images aren't resized as usual.
    """
    if ref.name != FOLDER:
        return "" if ref.name == user_settings().dataset else f"--dataset {ref.name}"
    options = f"--dataset {shlex.quote(ref.directory or '')}"
    if ref.image_size not in {None, DEFAULT_IMAGE_SIZE}:
        options += f" --image-size {ref.image_size}"
    return options if ref.fit in {None, DEFAULT_FIT} else f"{options} --fit {ref.fit}"


def prepared_info(ref: DatasetRef) -> DatasetInfo | None:
    """Return the summary of a data set, or None if `prepare` has to read and convert it first.

    Published files that needn't be converted are verified. Raises UserError if the data set can't be read or is
    damaged.
    """
    if ref.name == SYNTHETIC.name:
        return SYNTHETIC_INFO
    stored = open_checked(ref)
    return None if stored is None else stored.info


def open_checked(ref: DatasetRef) -> StoredDataset | None:
    """Map the images of a data set like `open_prepared`, but verify published files that needn't be converted.

    Raises UserError if the data set can't be read or is damaged.
    """
    if ref.name not in {SYNTHETIC.name, FOLDER} and preparation.is_in_place(ref):
        return prepare(ref)
    return open_prepared(ref)


def image_files(ref: DatasetRef) -> dict[tuple[Split, int], str]:
    """Return the path of each image's file relative to the data set's folder, keyed by the image's split and index.

    Return an empty dictionary for data sets that aren't folders of images. `ref` must include the SHA-256.
    """
    from .folder import image_paths  # noqa: PLC0415 - imports Pillow

    return image_paths(ref) if ref.name == FOLDER else {}


def open_prepared(ref: DatasetRef) -> StoredDataset | None:
    """Map the images of a data set into memory without verifying them. Return None if the data set isn't prepared.

    Raises UserError if the data set can't be read.
    """
    from .folder import open_imported  # noqa: PLC0415 - imports Pillow

    if ref.name == SYNTHETIC.name:
        stored = read_stored(_synthetic_folder())
        return stored if stored is not None and stored.info == SYNTHETIC_INFO else None
    if ref.name == FOLDER:
        return open_imported(ref)
    return preparation.open_prepared(ref)


def prepare(
    ref: DatasetRef, progress: Progress = lambda _done, _total: None, should_stop: Callable[[], bool] = lambda: False
) -> StoredDataset:
    """Verify or convert a data set, and map its images into memory. Synthetic data is prepared by `lab`.

    Raises UserError if the data set can't be read or is damaged, and Cancelled if `should_stop` returns True.
    """
    from .folder import import_folder  # noqa: PLC0415 - imports Pillow

    if ref.name == FOLDER:
        return import_folder(ref, progress, should_stop)
    return preparation.open_prepared(ref) or preparation.prepare(ref, progress, should_stop)


def read(
    ref: DatasetRef, progress: Progress = lambda _done, _total: None, should_stop: Callable[[], bool] = lambda: False
) -> StoredDataset:
    """Read a data set into memory, so that it can't change, and verify it. Prepare it first if necessary.

    A data set that takes more than half of the free memory is mapped instead, and isn't verified. Raises UserError if
    the data set can't be read or is damaged, ChangedData if `ref` specifies a different SHA-256, and Cancelled if
    `should_stop` returns True.
    """
    from .folder import verify_imported  # noqa: PLC0415 - imports Pillow

    located = locate(ref)
    stored = prepare(located, progress, should_stop)
    if stored.info.ref.sha256 != ref.sha256 != "":
        raise ChangedData(
            f"{ref.short_name} has changed: its SHA-256 is {stored.info.ref.sha256}, not {ref.sha256}; {_advice(ref)}, "
            "or start a new run"
        )
    size = stored.train.pixels.nbytes + stored.test.pixels.nbytes
    if size > MAX_MEMORY_FRACTION * psutil.virtual_memory().available:
        return stored
    if ref.name != FOLDER:
        return preparation.read(located, progress, should_stop)
    copy = StoredDataset(stored.info, stored.train.in_memory(), stored.test.in_memory())
    verify_imported(copy)
    return copy


def _synthetic_folder() -> Path:
    return cache_directory("datasets") / SYNTHETIC.name


def keep_synthetic(dataset: StoredDataset) -> StoredDataset:
    """Write the synthetic data set, which `lab` has drawn, into the cache, and map it into memory."""
    folder = _synthetic_folder()
    try:
        return write_stored(folder, dataset)
    except OSError as error:
        raise UserError(f"can't write {folder}: {error.strerror or error}") from error
