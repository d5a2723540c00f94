"""The data set of a run, in the folder that the options of a command name."""

from fashion_tui.data.datasets import size_options
from fashion_tui.schema.dataset import DATASETS, FOLDER
from fashion_tui.schema.errors import UserError, caused_by
from fashion_tui.schema.run import RunConfig

from .inputs import find_dataset
from .options import CommonOptions


def read_run_dataset(config: RunConfig, common: CommonOptions) -> None:
    """Read a run's data set in the folder that the options name, so that it is found there from now on.

    Do nothing if the options name no folder. The images of a folder are resized as they were for training. Raises
    UserError if the options name another data set than the run's, or if the images aren't those of the run.
    """
    own = config.dataset
    with caused_by("data", "dataset", "image_size", "fit"):
        options = _folder_options(config, common)
        if options is None:
            return
        found = find_dataset(options).ref
        if found.sha256 != own.sha256:
            raise UserError(
                f"{config.run} was trained on other images: its {own.short_name} has the SHA-256 {own.sha256}, but "
                f"the one in {found.directory} has {found.sha256}"
            )


def _folder_options(config: RunConfig, common: CommonOptions) -> CommonOptions | None:
    """Return the options with which the run's data set is read in another folder, or None if they name none.

    Raises UserError if they name another data set.
    """
    own = config.dataset
    kind = FOLDER if common.dataset is not None and common.dataset not in DATASETS else common.dataset or own.name
    if kind != own.name:
        raise UserError(f"{config.run} was trained on {own.short_name}, not on {common.dataset}; omit --dataset")
    if kind != FOLDER:
        is_elsewhere = common.data is not None and str(common.data.resolve()) != own.directory is not None
        return CommonOptions(data=common.data, dataset=own.name) if is_elsewhere else None
    if (common.image_size or own.image_size, common.fit or own.fit) != (own.image_size, own.fit):
        raise UserError(f"{config.run} was trained with {size_options(own)}; omit --image-size and --fit")
    if common.dataset is None:
        return None
    return CommonOptions(dataset=common.dataset, image_size=own.image_size, fit=own.fit)
