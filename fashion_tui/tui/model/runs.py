"""Runs whose weights can be shown."""

from pathlib import Path

import msgspec

from fashion_tui.runs.run import Run
from fashion_tui.schema.models import NamedModel
from fashion_tui.schema.recipe import check_recipe

from .subject import Subject


def subject_of_run(path: Path) -> Subject:
    """The network of the run, with what it has learned. Reads files: for a thread.

    UserError where they are damaged; UntrustedSource where the network is code from elsewhere.
    """
    with Run(path) as run:
        config, written = run.config, run.trusted_model()
    if written is None:
        check_recipe(config.recipe)  # or the name might stand for any file
        return Subject(config.recipe.model, NamedModel(model=config.recipe.model), run=path)
    # Of no file: the run's folder is neither searched for modules nor saved into.
    return Subject(config.recipe.model, msgspec.structs.replace(written, file=None), run=path)
