"""The summary of a run: its title, metrics and progress, and a note about what happened or what to do."""

import math
import time
from dataclasses import dataclass

from rich.text import Text

from fashion_tui.report.formatting import (
    format_bytes,
    format_duration,
    format_loss,
    format_number,
    format_percent,
    printable,
    shorten,
)
from fashion_tui.report.glyphs import Glyphs
from fashion_tui.report.runs import state_mark, validation_scores
from fashion_tui.report.style import ACCENT, ATTENTION, BAD, FOREGROUND, GOOD, MUTED, RULE
from fashion_tui.report.verdicts import verdict_text
from fashion_tui.runs.reader import RunSnapshot
from fashion_tui.schema.events import Failed, Finished, Stopped
from fashion_tui.schema.run import (
    LIVE_STATES,
    ImportedConfig,
    LogOnlyConfig,
    RunConfig,
    StoredConfig,
    short_name,
    titled_name,
)
from fashion_tui.tui.actions import key_of
from fashion_tui.tui.widgets.large_number import large_number

RESUME_KEY = key_of("train", "resume")
UNKNOWN = "–"
MIN_SPARKLINE_SPACE = 20
"""Minimum width, in columns, for a sparkline of the most recent losses and its label."""
MAIN_METRICS = 2
"""For a logged or imported run, the number of metrics that are shown in large digits."""
PROGRESS_MARGIN = 8
"""Columns kept free at the end of the progress line, so that the bar keeps its width when the ETA gets longer."""


@dataclass(frozen=True, slots=True)
class _Metric:
    label: str
    value: str
    colour: str


def summary_lines(snapshot: RunSnapshot, width: int, glyphs: Glyphs, *, large: bool, title: str = "") -> list[Text]:
    """Return the name, metrics and progress in eight lines with large digits, or in three lines without them.

    `title` is the title that the user has given the run, or an empty string.
    """
    name = titled_name(snapshot.run, title)
    metrics = [Text(), *_large_metrics(snapshot, width, glyphs)] if large else [_metrics_line(snapshot, width, glyphs)]
    return [_heading(snapshot, name, width, glyphs), *metrics, _progress(snapshot, width, glyphs)]


def note_text(snapshot: RunSnapshot, pending: str | None, glyphs: Glyphs) -> Text:
    """Return the most important note, such as the pending request, the error that ended the run, or a key to press."""
    if pending is not None:
        return Text(f"{pending} {glyphs.ellipsis}", style=ATTENTION)
    if snapshot.damage is not None:
        return Text(f"{glyphs.bad} {snapshot.damage}", style=BAD)
    if snapshot.state == "queued":
        return _queue_note(snapshot, glyphs)
    if snapshot.state in LIVE_STATES:
        return _live_note(snapshot, glyphs)
    return _ended_note(snapshot, glyphs)


def _heading(snapshot: RunSnapshot, name: str, width: int, glyphs: Glyphs) -> Text:
    """Return a line such as `guide-a1b2   guide · batch 32 · lr 0.001 · seed 0 · cpu ×2        ● running`.

    For a logged or imported run, the script or library and its settings are shown, such as `train.py · lr 0.001`.
    """
    glyph, colour = state_mark(snapshot.state, glyphs)
    state = Text.assemble((glyph, colour), " ", (snapshot.state, FOREGROUND))
    free = max(width - state.cell_len - 2, 8)
    heading = Text(shorten(name, max(free * 2 // 3, 8), glyphs), style=f"bold {FOREGROUND}")
    if snapshot.config is not None:
        heading.append("   " + _settings(snapshot.config, snapshot, glyphs), style=f"not bold {MUTED}")
    heading.truncate(free, overflow="ellipsis", pad=True)
    return Text.assemble(heading, "  ", state)


def _settings(config: StoredConfig, snapshot: RunSnapshot, glyphs: Glyphs) -> str:
    if not isinstance(config, RunConfig):
        values = [f"{name} {value}" for name, value in config.settings.items() if isinstance(value, str | float | int)]
        origin = config.library if isinstance(config, ImportedConfig) else config.script or "interactive session"
        return printable(f" {glyphs.dot} ".join([origin, *values]), glyphs)
    recipe = config.recipe
    device = snapshot.started.device if snapshot.started else config.device
    parts = [
        *([recipe.model] if config.source else []),
        recipe.name,
        *(["synthetic data"] if config.dataset.name == "synthetic" else []),
        f"batch {recipe.batch_size}",
        f"lr {recipe.learning_rate:g}",
        f"seed {config.seed}",
        f"{device} ×{config.threads}" if device == "cpu" else device,
        *([recipe.precision] if recipe.precision != "fp32" else []),
    ]
    return f" {glyphs.dot} ".join(parts)


def _main_metrics(snapshot: RunSnapshot, glyphs: Glyphs) -> list[_Metric]:
    """Return the test accuracy of a finished run, or the loss and accuracy of the most recent steps.

    For a logged or imported run, return the last values of its first two metrics.
    """
    if isinstance(snapshot.config, LogOnlyConfig):
        nothing = _Metric("", "no metrics yet" if snapshot.state in LIVE_STATES else "no metrics", MUTED)
        return _last_values(snapshot, glyphs)[:MAIN_METRICS] or [nothing]
    if snapshot.status.test_accuracy is not None:
        return [_Metric("test accuracy %", f"{snapshot.status.test_accuracy * 100:.2f}", GOOD)]
    accuracy = snapshot.curve("accuracy").mean[-1] if snapshot.curve("accuracy").mean else math.nan
    return [
        _Metric("loss", _loss(snapshot), ACCENT),
        _Metric("accuracy %", UNKNOWN if math.isnan(accuracy) else f"{accuracy * 100:5.1f}", ACCENT),
    ]


def _loss(snapshot: RunSnapshot) -> str:
    if snapshot.status.loss is not None:
        return format_loss(snapshot.status.loss)
    return format_loss(snapshot.curve("loss").mean[-1]) if snapshot.curve("loss").mean else UNKNOWN


def _last_values(snapshot: RunSnapshot, glyphs: Glyphs) -> list[_Metric]:
    return [
        _Metric(printable(name, glyphs), format_number(value, glyphs), ACCENT)
        for name, value in snapshot.last_values.items()
    ]


def _other_metrics(snapshot: RunSnapshot, glyphs: Glyphs) -> list[_Metric]:
    if isinstance(snapshot.config, LogOnlyConfig):
        return _last_values(snapshot, glyphs)[MAIN_METRICS:]
    status = snapshot.status
    speed = _Metric("img/s", f"{status.images_per_second:>6,.0f}", FOREGROUND)
    scores, validation = validation_scores(snapshot.epochs), []
    if scores is not None:
        validation.append(_Metric("validation", format_percent(scores.last), FOREGROUND))
        if scores.best is not None:
            validation.append(_Metric("best", format_percent(scores.best), FOREGROUND))
    if status.test_accuracy is not None:
        return [*validation, _Metric("trained in", format_duration(status.train_seconds), FOREGROUND), speed]
    return [*validation, speed]


def _metrics_line(snapshot: RunSnapshot, width: int, glyphs: Glyphs) -> Text:
    """Return the metrics that fit on one line, followed by a sparkline of the most recent losses if it fits."""
    line = Text(no_wrap=True)
    for metric in (*_main_metrics(snapshot, glyphs), *_other_metrics(snapshot, glyphs)):
        if line.cell_len + len(metric.label) + 1 + len(metric.value) > width:
            break
        line.append(f"{metric.label} ", style=MUTED)
        line.append(metric.value, style=f"bold {metric.colour}")
        line.append("   ")
    return line.append_text(_last_losses(snapshot, width - line.cell_len, glyphs))


def _large_metrics(snapshot: RunSnapshot, width: int, glyphs: Glyphs) -> list[Text]:
    """Return the main metrics in large digits, a line with the labels and the other metrics, and an empty line.

    Adjacent text of the same colour is joined, so that fewer bytes are sent to the terminal.
    """
    rows, label_row = ["", "", ""], ""
    main = _main_metrics(snapshot, glyphs)
    for metric in main:
        digits = large_number(metric.value.strip(), glyphs) if _is_number(metric.value) else ("", metric.value, "")
        column_width = max(len(metric.label), *map(len, digits)) + 4
        rows = [row + part.ljust(column_width) for row, part in zip(rows, digits, strict=True)]
        label_row += metric.label.ljust(column_width)
    labels = Text(no_wrap=True)
    for metric in _other_metrics(snapshot, glyphs):
        if len(label_row) + labels.cell_len + len(metric.label) + 1 + len(metric.value) > width:
            break
        labels.append(f"{label_row}{metric.label} ", style=MUTED)
        labels.append(f"{metric.value}    ", style=metric.colour)
        label_row = ""
    labels.append(label_row, style=MUTED)
    labels.append_text(_last_losses(snapshot, width - labels.cell_len, glyphs))
    return [*(Text(row, style=f"bold {main[0].colour}", no_wrap=True) for row in rows), labels, Text()]


def _is_number(value: str) -> bool:
    return set(value.strip()) <= set("0123456789.")


def _last_losses(snapshot: RunSnapshot, width: int, glyphs: Glyphs) -> Text:
    """Return a sparkline of the most recent losses, or an empty text if it doesn't fit or the run isn't live."""
    losses = snapshot.recent_loss[-max(width - 6, 1) :]
    if width < MIN_SPARKLINE_SPACE or not losses or snapshot.state not in LIVE_STATES:
        return Text()
    return Text.assemble(("last ", MUTED), (glyphs.sparkline(losses), ACCENT))


def _progress(snapshot: RunSnapshot, width: int, glyphs: Glyphs) -> Text:
    """Return `epoch 1/3  step   540 / 1,125  ████───── 48 %  ETA 0:12`, or `step 540  0:12` without a recipe."""
    if isinstance(snapshot.config, LogOnlyConfig):
        seconds = snapshot.status.train_seconds
        elapsed = "" if isinstance(snapshot.config, ImportedConfig) and not seconds else format_duration(seconds)
        return Text.assemble(("step ", MUTED), f"{snapshot.status.step:,}", (f"  {elapsed}", MUTED), no_wrap=True)
    status, total = snapshot.status, snapshot.total_steps
    share = status.step / total if total else 0.0
    line = Text(no_wrap=True)
    line.append("epoch ", style=MUTED)
    line.append(f"{snapshot.current_epoch}/{status.epochs}", style=FOREGROUND)
    line.append("  step ", style=MUTED)
    line.append(f"{status.step:>{len(f'{total:,}')},}", style=FOREGROUND)
    line.append(f" / {total:,}  " if total else "  ", style=MUTED)
    tail = f" {format_percent(share, digits=0):>5}"
    if snapshot.state == "running" and status.images_per_second and isinstance(snapshot.config, RunConfig):
        seconds = (total - status.step) * snapshot.config.recipe.batch_size / status.images_per_second
        tail += f"  ETA {format_duration(seconds)}"
    bar_width = max(width - line.cell_len - len(tail) - PROGRESS_MARGIN, 4)
    bar = glyphs.bar(share, bar_width)
    line.append(bar, style=GOOD if snapshot.state == "finished" else ACCENT)
    line.append(glyphs.rule * (bar_width - len(bar)), style=RULE)
    line.append(tail, style=FOREGROUND)
    return line


def _live_note(snapshot: RunSnapshot, glyphs: Glyphs) -> Text:
    if snapshot.state == "starting":
        return Text(_starting(snapshot), style=MUTED)
    if snapshot.state == "paused":
        return Text(f"paused {glyphs.dot} press {key_of('train', 'pause')} to resume", style=ATTENTION)
    if snapshot.notice is not None:
        return Text(snapshot.notice, style=ATTENTION)
    if snapshot.warnings:
        return Text(f"! {snapshot.warnings[-1].message}", style=ATTENTION)
    if snapshot.verdicts:
        return Text(f"! {verdict_text(snapshot.verdicts[0], glyphs)}", style=ATTENTION)
    return _checkpoint_note(snapshot, glyphs)


def _starting(snapshot: RunSnapshot) -> str:
    if isinstance(snapshot.config, LogOnlyConfig):
        return "the script hasn't logged a metric yet"
    return "the trainer is loading PyTorch and the data"


def _queue_note(snapshot: RunSnapshot, glyphs: Glyphs) -> Text:
    """Return a run's place in the queue, the run that uses the device, and the keys that move the queued run."""
    queue = snapshot.queue
    if queue is None:
        return Text("the trainer is adding the run to the queue", style=MUTED)
    device = "GPU" if queue.device.startswith("gpu") else queue.device.upper()
    note = f"{queue.place} of {queue.length} in the queue for the {device}"
    if queue.training:
        note += f", in use by {', '.join(map(short_name, queue.training))}"
    up, down = key_of("train", "move_up_in_queue"), key_of("train", "move_down_in_queue")
    return Text(f"{note} {glyphs.dot} press {up} or {down} to move it", style=ATTENTION)


def _checkpoint_note(snapshot: RunSnapshot, glyphs: Glyphs) -> Text:
    """Return the step, size and duration of the last checkpoint, and the time until the next checkpoint."""
    saved = snapshot.checkpoint
    if saved is None:
        return Text()
    note = f"checkpoint at step {saved.step:,}: {format_bytes(saved.bytes)} in {saved.seconds:.2f} s"
    if saved.next_in is not None:
        note += f", next in {max(saved.next_in, 1):.0f} s"
    return Text(f"{note} {glyphs.dot} {_disk_usage(snapshot)}", style=MUTED)


def _ended_note(snapshot: RunSnapshot, glyphs: Glyphs) -> Text:
    dot = glyphs.dot
    if isinstance(snapshot.config, LogOnlyConfig):
        return _end_of_log(snapshot, snapshot.config, glyphs)
    if snapshot.state == "lost":
        return Text(
            f"press {RESUME_KEY} to resume {dot} {snapshot.notice or 'the trainer has died'}",
            style=ATTENTION,
        )
    match snapshot.end:
        case Failed(message=message):
            return Text(f"{glyphs.bad} {message}", style=BAD)
        case Stopped(step=step):
            stopped = f"stopped at step {step:,} {dot} press {RESUME_KEY} to resume {dot} {_disk_usage(snapshot)}"
            never_started = f"never started {dot} press {RESUME_KEY} to start it"
            return Text(never_started if snapshot.started is None else stopped, style=MUTED)
        case _ if snapshot.status.message is not None:  # the message says why the test accuracy is missing
            return Text(f"! {snapshot.status.message}", style=ATTENTION)
        case _:
            return _finished_note(snapshot, glyphs)


def _finished_note(snapshot: RunSnapshot, glyphs: Glyphs) -> Text:
    """Return why the run stopped early and what went wrong in it or, if there is nothing to say, what to press next."""
    parts = []
    if isinstance(snapshot.end, Finished) and snapshot.end.stopped_early is not None:
        parts.append(f"stopped early: {snapshot.end.stopped_early}")
    if snapshot.verdicts:
        parts.append(f"! {verdict_text(snapshot.verdicts[0], glyphs)}")
    parts = parts or [f"press {key_of('train', 'evaluate')} to evaluate", _disk_usage(snapshot)]
    return Text(f" {glyphs.dot} ".join(parts), style=ATTENTION if snapshot.verdicts else MUTED)


def _end_of_log(snapshot: RunSnapshot, config: LogOnlyConfig, glyphs: Glyphs) -> Text:
    """Return what went wrong in a logged or imported run or, if nothing did, how it ended or when its log changed.

    Such runs can be neither resumed nor evaluated.
    """
    if isinstance(config, ImportedConfig):
        return _imported_note(snapshot, config, glyphs)
    match snapshot.end:
        case Failed(message=message):
            return Text(f"{glyphs.bad} {message}", style=BAD)
        case _ if snapshot.notice is not None:
            return Text(snapshot.notice, style=ATTENTION)
        case _ if snapshot.warnings:
            return Text(f"! {snapshot.warnings[-1].message}", style=ATTENTION)
        case _:
            return Text(
                f"{snapshot.state} at step {snapshot.status.step:,} {glyphs.dot} {_disk_usage(snapshot)}", style=MUTED
            )


def _imported_note(snapshot: RunSnapshot, config: ImportedConfig, glyphs: Glyphs) -> Text:
    """Return a warning about the log or, without one, the time of the log's last change."""
    if snapshot.warnings:
        return Text(f"! {snapshot.warnings[-1].message}", style=ATTENTION)
    changed = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(snapshot.status.heartbeat))
    return Text(
        f"imported from {config.library}, last changed {changed} {glyphs.dot} {_disk_usage(snapshot)}", style=MUTED
    )


def _disk_usage(snapshot: RunSnapshot) -> str:
    return f"{format_bytes(snapshot.disk_bytes)} on disk"
