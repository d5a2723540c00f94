"""The user's settings file. An invalid value is never fatal: it is reported, and the default is used instead."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec
import platformdirs

from .schema.builtin_recipes import RECIPES
from .schema.dataset import DATASETS, DEFAULT_DATASET
from .schema.errors import UserError
from .schema.paths import user_path
from .schema.text import one_line
from .toml_file import read_toml

Theme = Literal["dark", "light", "colour-blind"]
THEMES: tuple[Theme, ...] = get_args(Theme)

Images = Literal["auto", "kitty", "sixel", "blocks"]
"""How images of more than 32×32 pixels are drawn.

`auto` draws pixels if the terminal is known to support that, `kitty` and `sixel` always use this protocol, and `blocks`
draws block elements.
"""
IMAGES: tuple[Images, ...] = get_args(Images)

MAX_PROBLEM = 400
"""Maximum length of a message about an invalid value, in characters."""


class UserSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings from the user's settings file. `data` and `runs` are None if they aren't set."""

    theme: Theme = "dark"
    images: Images = "auto"
    data: Path | None = None
    runs: Path | None = None
    dataset: str = DEFAULT_DATASET
    recipe: str = "guide"
    on_end: str = ""
    """Shell command to run after the end of each new run, or an empty string."""
    keys: Mapping[str, Mapping[str, str]] = msgspec.field(default_factory=dict[str, Mapping[str, str]])
    """Key bindings, keyed by group and then by action. The module that defines the actions validates the bindings."""
    problems: tuple[str, ...] = ()
    """One-line messages about the file or about invalid settings."""


class WrongValue(Exception):
    """Raised for an unknown setting or an invalid value. The message states what is expected."""


def settings_path() -> Path:
    """Return the path of the settings file, which may not exist."""
    return platformdirs.user_config_path("fashion-tui", appauthor=False) / "settings.toml"


@cache
def user_settings() -> UserSettings:
    """Return the settings of the user who runs this process. The settings file is read only once."""
    return read_settings(settings_path())


def read_settings(path: Path) -> UserSettings:
    """Read a settings file. Return the defaults if the file doesn't exist."""
    try:
        table, _ = read_toml(path)
    except FileNotFoundError:
        return UserSettings()
    except OSError as error:
        return _unusable(f"can't read {path}: {error.strerror or error}")
    except UserError as error:
        return _unusable(str(error))
    return _check(table, path)


def _unusable(problem: str) -> UserSettings:
    return UserSettings(problems=(one_line(f"{problem}; the default settings are used", MAX_PROBLEM),))


def _check(table: dict[str, Any], path: Path) -> UserSettings:
    values: dict[str, Any] = {}
    problems = []
    for name, value in table.items():
        try:
            values[name] = _CHECKS.get(name, _unknown)(value)
        except WrongValue as error:
            problems.append(one_line(f"{path}: {name!r} {error}", MAX_PROBLEM))
    return UserSettings(**values, problems=tuple(problems))


def _unknown(_: object) -> object:
    raise WrongValue(f"isn't a setting; choose from {', '.join(_CHECKS)}")


def _shown(value: object) -> str:
    """Return the repr of a value of the settings file for an error message."""
    try:
        return repr(value)
    except ValueError:  # Python refuses to write an integer of more than 4,300 decimal digits
        return "a number that is too large"


def _one_of(names: tuple[str, ...]) -> Callable[[object], str]:
    def check(value: object) -> str:
        if value not in names:
            raise WrongValue(f"is {_shown(value)}; choose from {', '.join(names)}")
        return str(value)

    return check


def _folder(value: object) -> Path:
    try:
        path = user_path(value, "the folder") if isinstance(value, str) else Path()
    except UserError:
        path = Path()
    if not path.is_absolute():
        raise WrongValue(f"is {_shown(value)}; write the path of a folder that starts with / or ~")
    return path


def _dataset(value: object) -> str:
    if isinstance(value, str) and value.startswith(("/", "~")):
        return str(_folder(value))
    if value not in DATASETS:
        raise WrongValue(f"is {_shown(value)}; write one of {', '.join(DATASETS)}, or a path that starts with / or ~")
    return str(value)


def _command(value: object) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise WrongValue(f"is {_shown(value)}; write a shell command in quotation marks")
    return value


def _keys(value: object) -> dict[str, dict[str, str]]:
    try:
        return msgspec.convert(value, dict[str, dict[str, str]])
    except msgspec.ValidationError:
        raise WrongValue('has the wrong type; write, for example, pause = "p" under [keys.train]') from None


_CHECKS: dict[str, Callable[[object], object]] = {
    "theme": _one_of(THEMES),
    "images": _one_of(IMAGES),
    "data": _folder,
    "runs": _folder,
    "dataset": _dataset,
    "recipe": _one_of(tuple(RECIPES)),
    "on_end": _command,
    "keys": _keys,
}
"""Maps the name of each setting to the function that validates and converts its value."""

DEFAULT_SETTINGS = f"""\
# Settings of fashion-tui. To change a setting, remove the # in front of it.

# Colours of the app and of the commands: {", ".join(THEMES)}.
# theme = "{UserSettings().theme}"

# How images of more than 32×32 pixels are enlarged: {", ".join(IMAGES)}. Kitty and sixel are protocols that draw
# real pixels; auto uses them in terminals that are known to support them. Inside tmux, blocks are always used.
# images = "{UserSettings().images}"

# Folder that contains the data sets, such as FashionMNIST/raw; by default, the cache. --data and
# FASHION_TUI_DATA take precedence.
# data = "~/data"

# Folder that contains the runs. --runs and FASHION_TUI_RUNS take precedence.
# runs = "~/runs"

# Data set, unless --dataset is given: {", ".join(DATASETS)}, or the path of a folder of images.
# dataset = "{UserSettings().dataset}"

# Recipe of new runs, unless --recipe is given: {", ".join(RECIPES)}.
# recipe = "{UserSettings().recipe}"

# Shell command to run after the end of each new run, unless --on-end is given; see fashion-tui train --help.
# on_end = 'ntfy publish my-topic "$FASHION_TUI_NAME $FASHION_TUI_STATE $FASHION_TUI_ACCURACY"'
"""
"""The text of a settings file with the default or an example for each setting except the key bindings."""
