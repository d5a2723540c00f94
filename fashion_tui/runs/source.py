"""The source of a run's own network: `model.py` in its directory, and how it is known to be the one."""

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

import msgspec

from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.run import ModelSource, RunConfig

from .records import DamagedRun
from .text import reason

MODEL_FILE = "model.py"

LARGEST_SOURCE = 1 << 20
"""Bytes: far more than anyone writes."""


@dataclass(frozen=True)
class StoredModel:
    """A run's own network as it was read: what is looked at, trusted and executed are these very bytes."""

    network: CustomModel
    key: str
    """SHA-256 of all that decides what is executed: the text, the class and its arguments, for the arguments of a
    harmless class may do harm. Where the run belongs to another user, its place too."""
    is_own: bool
    """The directory and the file belong to this user."""


def describe_source(network: CustomModel, name: str) -> ModelSource:
    """What `config.json` says of the network; `name` is its class where the network doesn't name one.

    UsageError where it is too large.
    """
    text = network.source.encode()
    if len(text) > LARGEST_SOURCE:
        raise UsageError(f"the source of {name} has {len(text):,} bytes; a run stores {LARGEST_SOURCE:,} at most")
    return ModelSource(
        class_name=network.class_name or name, arguments=network.arguments, sha256=hashlib.sha256(text).hexdigest()
    )


def read_model(run_path: Path, config: RunConfig) -> StoredModel | None:
    """The run's own network; None where it has one of ours.

    DamagedRun where the file isn't there, isn't a regular one, or isn't the one that the run was made with.
    """
    source = config.source
    if source is None:
        return None
    try:
        content, is_own = _read(run_path)
    except FileNotFoundError:
        raise DamagedRun(run_path, f"{MODEL_FILE}, the source of its network, is missing") from None
    except OSError as error:
        raise DamagedRun(run_path, f"{MODEL_FILE} can't be read: {reason(error)}") from error
    if content is None:
        raise DamagedRun(run_path, f"{MODEL_FILE} is no regular file of up to {LARGEST_SOURCE:,} bytes")
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != source.sha256:
        raise DamagedRun(run_path, f"{MODEL_FILE} has been changed: its SHA-256 is {sha256}, not {source.sha256}")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise DamagedRun(run_path, f"{MODEL_FILE} is no text in UTF-8: {error}") from error
    network = CustomModel(
        source=text, class_name=source.class_name, arguments=source.arguments, file=str(run_path / MODEL_FILE)
    )
    return StoredModel(network, _key(source, None if is_own else os.path.realpath(run_path)), is_own)


def _read(run_path: Path) -> tuple[bytes | None, bool]:
    """The content, None where it is no regular file or too large, and whether all of it belongs to this user."""
    folder = os.open(run_path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # No link is followed, and nothing waited for: the name may stand for a pipe or another's file.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(MODEL_FILE, flags, dir_fd=folder), "rb") as file:
            found = os.fstat(file.fileno())
            is_own = {found.st_uid, os.fstat(folder).st_uid} == {os.getuid()}
            if not stat.S_ISREG(found.st_mode):
                return None, is_own
            content = file.read(LARGEST_SOURCE + 1)
            return (content if len(content) <= LARGEST_SOURCE else None), is_own
    finally:
        os.close(folder)


def _key(source: ModelSource, place: str | None) -> str:
    decisive = (source.sha256, source.class_name, source.arguments, place)
    return hashlib.sha256(msgspec.json.encode(decisive, order="deterministic")).hexdigest()
