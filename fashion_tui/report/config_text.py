"""`runs RUN --config`: the configuration of a run as a TOML file for `train --config`."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

import tomlkit

from fashion_tui.data.datasets import find
from fashion_tui.runs.run import Run
from fashion_tui.schema.builtin_recipes import GUIDE, RECIPES
from fashion_tui.schema.dataset import FOLDER, DatasetRef
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.fields import Field, fields_of, option_name


def config_text(run: Run) -> str:
    """Return the configuration of a run as TOML, with the help of each field as a comment.

    All fields are included, so that the file gives the same run even if a later version changes the recipe. Raises
    NotTrained for a logged run, and DamagedRun.
    """
    config = run.config
    document = tomlkit.document()
    document.add(tomlkit.comment(f"Configuration of run {config.run}"))
    document.add(tomlkit.comment("Train it again with: fashion-tui train --config FILE"))
    document.add(tomlkit.nl())
    if config.source is not None or config.left_out:
        # The new run takes the model, if the user trusts it, and the images to leave out from this run.
        _add(document, {"like": str(run.path.absolute())})
    else:
        name = config.recipe.name if config.recipe.name in RECIPES else GUIDE.name
        _add(document, {"recipe": name, "model": config.recipe.model})
    _add(document, _data(config.dataset))
    for struct in (config.recipe, config):
        for group, fields in groupby(fields_of(type(struct)).values(), lambda field: field.about.group):
            document.add(tomlkit.nl())
            document.add(tomlkit.comment(group))
            listed = list(fields)
            _add(
                document,
                {_key(field): getattr(struct, field.name) for field in listed},
                [_help(field) for field in listed],
            )
    return tomlkit.dumps(document)


def _key(field: Field) -> str:
    return option_name(field.name).removeprefix("--").replace("-", "_")


def _help(field: Field) -> str:
    return f"{field.about.help} ({field.range})" if field.range else field.about.help


def _data(dataset: DatasetRef) -> dict[str, Any]:
    """Return the data set and, if it isn't in the default folder, its folder."""
    if dataset.name == FOLDER:
        return {"dataset": dataset.directory, "image_size": dataset.image_size, "fit": dataset.fit}
    try:
        is_found = find(dataset.name).directory == dataset.directory
    except UserError:
        is_found = False
    return {"dataset": dataset.name} | ({} if is_found or dataset.directory is None else {"data": dataset.directory})


def _add(document: tomlkit.TOMLDocument, values: Mapping[str, Any], comments: list[str] | None = None) -> None:
    """Add values to a document. The comments are aligned."""
    items = {key: tomlkit.item(_toml_value(value)) for key, value in values.items()}
    width = max((len(key) + len(item.as_string()) for key, item in items.items()), default=0)
    for (key, item), comment in zip(items.items(), comments or [""] * len(items), strict=True):
        if comment:
            item.comment(comment)
            item.trivia.comment_ws = " " * (width - len(key) - len(item.as_string()) + 2)
        document.add(key, item)


def _toml_value(value: object) -> object:
    """Return a tuple of numbers as a list or, if it has only one, as a number. Return any other value unchanged."""
    if not isinstance(value, tuple):
        return value
    return value[0] if len(value) == 1 else list(value)
