"""`config.json` and `status.json` of a run: reading, checking and writing them."""

from pathlib import Path
from typing import TypeVar

import msgspec

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.run import FORMAT_VERSION, RunConfig, RunStatus

from .events import spell_nonfinite
from .files import read_whole, write_atomically
from .text import one_line, reason

CONFIG_FILE = "config.json"
STATUS_FILE = "status.json"
LOG_FILE = "trainer.log"

LONGEST_NAME, LONGEST_MESSAGE = 200, 500
"""Characters. A run may come from elsewhere, and what it says of itself goes to a terminal."""

S = TypeVar("S", bound=msgspec.Struct)


class DamagedRun(UserError):
    """A file of the run is missing or can't be read."""

    def __init__(self, run_path: Path, detail: str) -> None:
        super().__init__(f"run {run_path.name!r} is damaged: {detail}")
        self.detail = detail
        """Which file, and what is wrong with it."""


def load_config(run_path: Path) -> RunConfig:
    """DamagedRun where config.json is missing, damaged or of a newer format."""
    config = _load(run_path, CONFIG_FILE, RunConfig)
    if config.format != FORMAT_VERSION:
        detail = f"{CONFIG_FILE} is of format {config.format}, and this fashion-tui reads format {FORMAT_VERSION}"
        raise DamagedRun(run_path, detail)
    for field, text in _shown(config).items():
        if not text.isprintable() or len(text) > LONGEST_NAME:
            raise DamagedRun(run_path, f"{CONFIG_FILE}: {field} is {one_line(text, 40)!r}, which is no name")
    return config


def load_status(run_path: Path) -> RunStatus:
    """As it was written last (`state.derive` tells whether it still holds); DamagedRun where it can't be read."""
    status = _load(run_path, STATUS_FILE, RunStatus)
    message = None if status.message is None else one_line(status.message, LONGEST_MESSAGE)
    return msgspec.structs.replace(status, message=message)


def write_status(run_path: Path, status: RunStatus, *, durable: bool = False) -> None:
    """Replace status.json. `durable` for a state that has to outlast a power cut. Raises OSError."""
    write_atomically(run_path / STATUS_FILE, msgspec.json.encode(spell_nonfinite(status)), durable=durable)


def _shown(config: RunConfig) -> dict[str, str]:
    """The texts that are shown as they are."""
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


def _load(run_path: Path, name: str, kind: type[S]) -> S:
    try:
        content = read_whole(run_path / name)
    except FileNotFoundError:
        raise DamagedRun(run_path, f"{name} is missing") from None
    except OSError as error:
        raise DamagedRun(run_path, f"{name} can't be read: {reason(error)}") from error
    if not content:
        raise DamagedRun(run_path, f"{name} is empty")
    try:
        return msgspec.json.decode(content, type=kind)
    except (ValueError, RecursionError) as error:
        raise DamagedRun(run_path, f"{name} can't be read: {one_line(str(error))}") from error
