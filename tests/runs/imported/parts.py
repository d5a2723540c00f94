"""Helpers for the tests of imported runs."""

import os
import time
from collections.abc import Iterable
from pathlib import Path

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from fashion_tui.runs.reader import RunReader

Values = dict[str, list[tuple[int, float]]]


def values(reader: RunReader) -> Values:
    """Return all values of the metrics that have been read."""
    return {name: list(series.items()) for name, series in reader.metrics.items()}


def scalar(tag: str, step: int, value: float) -> event_pb2.Event:
    """Return an event with a scalar."""
    summary = summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag=tag, simple_value=value)])
    return event_pb2.Event(wall_time=1000.0 + step, step=step, summary=summary)


def write_events(folder: Path, events: Iterable[event_pb2.Event], *, name: str | None = None) -> Path:
    """Write an event file with TensorBoard's own writer, and return its path."""
    writer = EventFileWriter(str(folder))
    for event in events:
        writer.add_event(event)
    writer.close()
    path = newest(folder)
    return path if name is None else path.rename(folder / name)


def newest(folder: Path) -> Path:
    return max(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)


def make_old(path: Path) -> None:
    """Set the modification time to an hour ago, so that the file seems complete."""
    hour_ago = time.time() - 3600
    os.utime(path, (hour_ago, hour_ago))
