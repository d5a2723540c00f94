"""`config.json` and `status.json` of a run: reading, validating and writing them."""

from typing import Literal, TypeVar

import msgspec

from fashion_tui.schema.floats import encode_floats
from fashion_tui.schema.run import FORMAT_VERSION, LoggedConfig, RunConfig, RunStatus
from fashion_tui.schema.text import one_line

from .errors import DamagedRun, reason
from .folder import Folder
from .layout import CONFIG_FILE, MAX_BYTES, STATUS_FILE
from .strings import encodable_strings, printable_strings

MAX_NAME = 200
"""Maximum length of a name, in characters. The limit keeps other users' runs from flooding the terminal."""

S = TypeVar("S", bound=msgspec.Struct)


class _Kind(msgspec.Struct):
    """The field of `config.json` that says which fields it has."""

    kind: Literal["trained", "logged"] = "trained"


def read_config(folder: Folder) -> RunConfig | LoggedConfig:
    """Read and validate config.json. Raises DamagedRun if it is missing, invalid or in another format."""
    content = _content(folder, CONFIG_FILE)
    kind = _decode(folder, CONFIG_FILE, content, _Kind).kind
    config: RunConfig | LoggedConfig
    if kind == "trained":
        config = _decode(folder, CONFIG_FILE, content, RunConfig)
    else:
        config = _decode(folder, CONFIG_FILE, content, LoggedConfig)
    run = folder.path.name
    if config.format != FORMAT_VERSION:
        detail = (
            f"{CONFIG_FILE} has format {config.format}, but this version of fashion-tui reads format {FORMAT_VERSION}"
        )
        raise DamagedRun(run, detail)
    for field, value in _displayed(config).items():
        if not value.isprintable() or len(value) > MAX_NAME:
            raise DamagedRun(run, f"{CONFIG_FILE}: {field} is {one_line(value, 40)!r}, which is not a valid name")
    return config


def read_status(folder: Folder) -> RunStatus:
    """Read status.json, which may be out of date (see `state.derive`). Raises DamagedRun if it can't be read."""
    return printable_strings(_decode(folder, STATUS_FILE, _content(folder, STATUS_FILE), RunStatus))


def write_status(folder: Folder, status: RunStatus, *, durable: bool = False) -> None:
    """Replace status.json. Set `durable` for a state that must survive a power failure. Raises OSError."""
    content = msgspec.json.encode(encodable_strings(encode_floats(status)))
    folder.write(STATUS_FILE, content, durable=durable)


def _displayed(config: RunConfig | LoggedConfig) -> dict[str, str]:
    """Return the strings of a configuration that are displayed unchanged, keyed by a description for error messages."""
    if not isinstance(config, RunConfig):
        return {
            "the run": config.run,
            "the name": config.name,
            "the script": config.script or "",
            "the host": config.host,
        }
    recipe = config.recipe
    return {
        "the run": config.run,
        "the recipe": recipe.name,
        "its summary": recipe.summary,
        "the network": recipe.model,
        "the class": config.source.class_name if config.source else "",
        "the data set": config.dataset.name,
        "the device": config.device,
        "the host": config.host,
    }


def _content(folder: Folder, name: str) -> bytes:
    run = folder.path.name
    try:
        content = folder.read(name, MAX_BYTES[name])
    except FileNotFoundError:
        raise DamagedRun(run, f"{name} is missing") from None
    except OSError as error:
        raise DamagedRun(run, f"{name} can't be read: {reason(error)}") from error
    if not content:
        raise DamagedRun(run, f"{name} is empty")
    return content


def _decode(folder: Folder, name: str, content: bytes, kind: type[S]) -> S:
    try:
        return msgspec.json.decode(content, type=kind)
    except (ValueError, RecursionError) as error:
        raise DamagedRun(folder.path.name, f"{name} can't be read: {one_line(str(error))}") from error
