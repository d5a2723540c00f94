"""`train --config FILE`: a TOML file with the options of a new run.

A key is the name of an option of `train` without the dashes, with underscores instead of hyphens: `batch_size = 64`.
Paths are relative to the folder of the file.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from fashion_tui.schema.builtin_recipes import recipe_named
from fashion_tui.schema.dataset import DATASETS, FITS, unknown_dataset
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.fields import fields_of
from fashion_tui.schema.models import ModelFile, parse_model_name
from fashion_tui.schema.paths import user_path
from fashion_tui.schema.recipe import DEFAULT_WEIGHTS, NONE, Recipe
from fashion_tui.schema.run import RunConfig
from fashion_tui.schema.text import one_line
from fashion_tui.toml_file import read_toml

from .options import CommonOptions, is_given
from .suggestions import nearest
from .values import Numbers

NOT_IN_FILES = frozenset({"config", "trusted", "queue", "command", "detach", "as_json", "help"})
"""Parameters of `train` that a file can't set, because they concern a single invocation."""


@dataclass(frozen=True)
class ConfigFile:
    """The values in a file. Options on the command line take precedence."""

    path: Path
    text: str
    values: Mapping[str, Any]
    """Values, keyed by the names of the command's parameters."""

    def options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options of `train`, with the file's values for the options that weren't given."""
        values = {name: value for name, value in self.values.items() if name in options and not is_given(name)}
        if is_given("model") and not is_given("arguments"):
            values.pop("arguments", None)  # they are arguments of the file's model
        return dict(options) | values

    def common(self, common: CommonOptions) -> CommonOptions:
        """Return the common options, with the file's values for the options that weren't given."""
        data, runs = self.values.get("data"), self.values.get("runs")
        own = CommonOptions(
            data=None if data is None else Path(data),
            dataset=self.values.get("dataset"),
            runs=None if runs is None else Path(runs),
            image_size=self.values.get("image_size"),
            fit=self.values.get("fit"),
        )
        return common.with_defaults(own)

    @contextmanager
    def locate_errors(self) -> Iterator[None]:
        """Add the file name and line numbers to a UserError that values in the file cause in the `with` block.

        The values are those of `error.fields`. Nothing is added if the command line sets the first of these fields.
        """
        try:
            yield
        except UserError as error:
            fields = [name for name in error.fields if name in self.values and not is_given(name)]
            if fields and not is_given(error.fields[0]):
                keys = {parameter.name: key for key, parameter in _parameters().items()}
                error.args = (f"{_place(self.path, self.text, *(keys[name] for name in fields))}: {error}",)
            raise


def read_config_file(path: str | None) -> ConfigFile | None:
    """Read the file that --config names, or return None without this option.

    Raises UserError if the file can't be read or isn't valid TOML, and UsageError if a key is unknown or has an invalid
    value.
    """
    if path is None:
        return None
    file = user_path(path, "--config")
    try:
        table, text = read_toml(file)
    except OSError as error:
        raise UserError(f"can't read {file}: {error.strerror or error}; check --config") from error
    parameters = _parameters()
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in parameters:
            raise UsageError(f"{_place(file, text, key)}: {_describe_unknown(key)}")
        parameter = parameters[key]
        name = str(parameter.name)
        try:
            values[name] = _converted(parameter, value)
            _check(name, values[name])
            if name in _RELATIVE:
                values[name] = _RELATIVE[name](values[name], file.absolute().parent)
        except WrongType as error:
            raise UsageError(f"{_place(file, text, key)}: {key} is {_shown(value)}; it must be {error}") from None
        except UsageError as error:
            raise UsageError(f"{_place(file, text, key)}: {error}") from None
    return ConfigFile(file, text, values)


class WrongType(Exception):
    """Raised if a value has the wrong type. The message names the expected type."""


def _parameters() -> dict[str, click.Parameter]:
    """Return the parameters of `train` that a file can set, keyed by their names in the file."""
    command = click.get_current_context().command
    return {_key(parameter): parameter for parameter in command.params if parameter.name not in NOT_IN_FILES}


def _key(parameter: click.Parameter) -> str:
    return parameter.opts[-1].removeprefix("--").replace("-", "_")


def _place(path: Path, text: str, *keys: str) -> str:
    """Return the path of the file, and the lines of those keys that can be found in the text."""
    lines = sorted(filter(None, (_line(text, key) for key in keys)))
    if not lines:
        return str(path)
    return f"{path}, line{'s' if len(lines) > 1 else ''} {' and '.join(map(str, lines))}"


def _line(text: str, key: str) -> int | None:
    pattern = re.compile(rf"""\s*\[?\s*(["']?){re.escape(key)}\1\s*[=.\]]""")
    lines = (number for number, line in enumerate(text.splitlines(), 1) if pattern.match(line))
    return next(lines, None)


def _describe_unknown(key: str) -> str:
    """Return what is wrong with a key that isn't in `_parameters`."""
    for parameter in click.get_current_context().command.params:
        if key.replace("-", "_") == _key(parameter) and parameter.name in NOT_IN_FILES:
            return f"{_key(parameter)} can't be set in a file; use {parameter.opts[-1]}"
    return f"unknown field {key!r}{_hint(key)}"


def _hint(key: str) -> str:
    candidates: dict[str, str] = {}
    for name, parameter in _parameters().items():
        candidates[name] = name
        candidates.setdefault(str(parameter.name), name)
    similar = nearest(key.replace("-", "_"), candidates)
    return "; see fashion-tui train --help" if similar is None else f"; did you mean {similar}?"


def _shown(value: object) -> str:
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "an array"
    return one_line(repr(value), 60)


def _converted(parameter: click.Parameter, value: object) -> Any:
    """Convert a value to the parameter's type. Raises WrongType."""
    if parameter.name == "arguments":
        return _arguments(value)
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return _of_type(value, bool, "true or false")
    if isinstance(parameter.type, click.types.IntParamType):
        return _of_type(value, int, "a whole number")
    if isinstance(parameter.type, click.types.FloatParamType):
        return float(_of_type(value, (int, float), "a number"))
    if isinstance(parameter.type, Numbers):
        return _numbers(value)
    return _of_type(value, str, "a string")


def _numbers(value: object) -> tuple[float, ...]:
    """Return a number, or an array of numbers, as a tuple. Raises WrongType."""
    description = "a number, or an array with one for each channel"
    values = value if isinstance(value, list) and value else [value]
    return tuple(float(_of_type(each, (int, float), description)) for each in values)


def _arguments(value: object) -> str:
    """Return a table with the keyword arguments of a class as JSON. Raises WrongType."""
    try:
        if isinstance(value, dict):
            return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):  # a date, a time, nan or inf
        pass
    raise WrongType("a table of values that JSON can represent, such as { width = 32 }")


def _of_type(value: object, kind: type | tuple[type, ...], description: str) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise WrongType(description)
    return value


def _check(name: str, value: Any) -> None:
    """Raise UsageError if a value is invalid regardless of the other values."""
    fields = {**fields_of(Recipe), **fields_of(RunConfig)}
    if name in fields:
        fields[name].check(value)
    elif name == "recipe":
        recipe_named(value)
    elif name == "dataset" and value not in DATASETS and "/" not in value:
        raise unknown_dataset(value)
    elif name == "fit" and value not in FITS:
        raise UsageError(f"unknown fit {value!r}; choose from {', '.join(FITS)}")


def _relative_model(model: str, folder: Path) -> str:
    name = parse_model_name(model, to_train=True)
    if not isinstance(name, ModelFile):
        return model
    return ":".join(filter(None, (str(folder / name.path), name.class_name)))


def _relative_dataset(name: str, folder: Path) -> str:
    return name if name in DATASETS else _relative_path(name, folder)


def _relative_path(path: str, folder: Path) -> str:
    return str(folder / user_path(path, "the folder"))


def _relative_weights(weights: str, folder: Path) -> str:
    return weights if weights in {NONE, DEFAULT_WEIGHTS} else _relative_path(weights, folder)


_RELATIVE: dict[str, Callable[[str, Path], str]] = {
    "model": _relative_model,
    "data": _relative_path,
    "dataset": _relative_dataset,
    "runs": _relative_path,
    "weights": _relative_weights,
}
"""Maps each parameter that contains a path to the function that resolves the path against a folder."""
