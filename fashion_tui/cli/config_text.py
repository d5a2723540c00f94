"""`runs RUN --config`: the configuration of a run as a TOML file for `train --config`."""

import json
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import tomlkit

from fashion_tui.data.files import find
from fashion_tui.runs.layout import MODEL_FILE
from fashion_tui.runs.run import Run
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.fields import Field, fields_of
from fashion_tui.schema.models import MODELS
from fashion_tui.schema.recipe import GUIDE, RECIPES
from fashion_tui.schema.run import ModelSource

from .field_options import option_name


def config_text(run: Run) -> str:
    """Return the configuration of a run as TOML, with the help of each field as a comment.

    All fields are included, so that the file gives the same run if the values of a recipe change in a later version.
    Raises NotTrained for a logged run, and DamagedRun.
    """
    config = run.config
    document = tomlkit.document()
    document.add(tomlkit.comment(f"Configuration of run {config.run}"))
    document.add(tomlkit.comment("Train it again with: fashion-tui train --config FILE"))
    document.add(tomlkit.nl())
    _add(document, {"recipe": config.recipe.name if config.recipe.name in RECIPES else GUIDE.name})
    _add(document, _model(run.path, config.recipe.model, config.source))
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


def _model(folder: Path, name: str, source: ModelSource | None) -> dict[str, Any]:
    if source is None:
        return {"model": name} if name in MODELS else {}
    values: dict[str, Any] = {"model": f"{folder.absolute() / MODEL_FILE}:{source.class_name}"}
    if source.arguments:
        text = json.dumps(source.arguments)
        values["args"] = text if _has_null(source.arguments) else source.arguments
    return values


def _has_null(value: object) -> bool:
    """Return whether a JSON value contains null, which TOML can't express."""
    if isinstance(value, Mapping):
        return any(map(_has_null, value.values()))
    return any(map(_has_null, value)) if isinstance(value, list) else value is None


def _data(dataset: DatasetRef) -> dict[str, Any]:
    """Return the data set and, unless it is found without an option, its folder."""
    try:
        is_found = find(dataset.name).directory == dataset.directory
    except UserError:
        is_found = False
    return {"dataset": dataset.name} | ({} if is_found or dataset.directory is None else {"data": dataset.directory})


def _add(document: tomlkit.TOMLDocument, values: Mapping[str, Any], comments: list[str] | None = None) -> None:
    """Add values to a document. The comments are aligned."""
    items = {key: _item(value) for key, value in values.items()}
    width = max((len(key) + len(item.as_string()) for key, item in items.items()), default=0)
    for (key, item), comment in zip(items.items(), comments or [""] * len(items), strict=True):
        if comment:
            item.comment(comment)
            item.trivia.comment_ws = " " * (width - len(key) - len(item.as_string()) + 2)
        document.add(key, item)


def _item(value: Any) -> Any:
    if isinstance(value, Mapping):
        table = tomlkit.inline_table()
        table.update(value)
        return table
    return tomlkit.item(value)
