"""`train --like RUN`: the settings of a run as the defaults of a new one."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from fashion_tui.data.datasets import locate
from fashion_tui.runs.store import open_run
from fashion_tui.schema.dataset import FOLDER, DatasetRef
from fashion_tui.schema.errors import UsageError, caused_by
from fashion_tui.schema.fields import fields_of
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.run import RunConfig

from .inputs import parse_arguments
from .options import CommonOptions, is_given
from .output import print_warning


@dataclass(frozen=True)
class Template:
    """A run whose settings are the defaults of a new run."""

    run: str
    config: RunConfig
    network: CustomModel | None
    """The run's custom model, which the user trusts, or None for a built-in network or if --model replaces it."""

    def options(self, options: Mapping[str, Any], in_file: Collection[str]) -> dict[str, Any]:
        """Return the options of `train`, with the run's settings for the options that weren't given.

        `in_file` contains the names of the options that the file for --config sets.
        """
        missing = [name for name in fields_of(RunConfig) if name not in in_file and not is_given(name)]
        return dict(options) | {name: getattr(self.config, name) for name in missing}

    def common(self, common: CommonOptions) -> CommonOptions:
        """Return the common options, with the run's data set unless another one was given.

        Raises UserError if the run's folder of images isn't found.
        """
        dataset = self.config.dataset
        if dataset.name == FOLDER:
            if common.dataset is not None:
                return common
            with caused_by("dataset"):
                found = locate(dataset)
            own = CommonOptions(dataset=found.directory, image_size=found.image_size, fit=found.fit)
            return common.with_defaults(own)
        if common.dataset not in {None, dataset.name}:
            return common
        folder = None if dataset.directory is None else Path(dataset.directory)
        if common.data is not None or folder is None or not folder.is_dir():
            folder = common.data
        return replace(common, data=folder, dataset=dataset.name)

    def left_out(self, dataset: DatasetRef) -> tuple[int, ...]:
        """Return the indices of the training images that the run leaves out, if it uses the same images."""
        return self.config.left_out if dataset.sha256 == self.config.dataset.sha256 else ()

    def warn_about_data(self, dataset: DatasetRef) -> None:
        """Warn if the new run's data set has the same name as the original run's, but different images."""
        own = self.config.dataset
        if dataset.short_name == own.short_name and dataset.sha256 != own.sha256:
            print_warning(f"the images of {dataset.short_name} differ from those that {self.run} was trained on")


def read_template(common: CommonOptions, options: Mapping[str, Any]) -> Template | None:
    """Return the run that --like names, or None without this option.

    Raises UserError if there is no such run, if it is damaged, or if its custom model isn't trusted.
    """
    if options["like"] is None:
        if options["trusted"]:
            raise UsageError("--trust requires --like")
        return None
    if options["recipe"] is not None:
        with caused_by("like", "recipe"):
            raise UsageError("--like and --recipe can't be combined")
    with caused_by("like"), open_run(common.runs_directory, options["like"]) as run:
        if options["trusted"]:
            run.trust_model()
        network = run.trusted_model() if options["model"] is None else None
        if network is not None and (arguments := parse_arguments(options["arguments"])):
            network = msgspec.structs.replace(network, arguments=arguments)
        return Template(run.id, run.config, network)
