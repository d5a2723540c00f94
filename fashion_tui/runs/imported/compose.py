"""Compose the configuration and the status of an imported run from its log."""

import os
from collections.abc import Mapping

import msgspec

from fashion_tui.runs.errors import DamagedRun, reason
from fashion_tui.runs.state import unknown_status
from fashion_tui.schema.floats import encode_float
from fashion_tui.schema.run import FORMAT_VERSION, ImportedConfig, RunStatus

from .log import Log


def compose_config(run: str, log: Log) -> ImportedConfig:
    """Return the configuration of a run. Raises DamagedRun if the folder can't be read."""
    try:
        created = log.created()
    except OSError as error:
        raise DamagedRun(run, f"its folder can't be read: {reason(error)}") from error
    return ImportedConfig(
        format=FORMAT_VERSION,
        run=run,
        created=created,
        versions={},
        host="",
        library=log.library,
        settings=log.settings()[0],
    )


def compose_status(run: str, log: Log) -> RunStatus:
    """Return the status of a run from the end of its log. Raises DamagedRun if the log can't be read.

    Nothing is known about the state of the run, except when its log was last changed.
    """
    try:
        changed = max((status.st_mtime for status in log.files().values()), default=0.0)
        last = log.last()
    except OSError as error:
        raise DamagedRun(run, f"the log of {log.library} can't be read: {reason(error)}") from error
    return msgspec.structs.replace(
        unknown_status("imported"),
        step=last.step,
        epoch=last.epoch,
        heartbeat=changed,
        loss=None if last.loss is None else encode_float(last.loss),
        train_seconds=last.seconds,
    )


def log_bytes(log: Log) -> int:
    """Return the size of the log's files, or 0 if the folder can't be read."""
    return sum(status.st_size for status in _files(log).values())


def _files(log: Log) -> Mapping[str, os.stat_result]:
    try:
        return log.files()
    except OSError:
        return {}
