"""A run's figures as lines of text: what it is, how good, how far, and the one thing to know now."""

import math
from collections.abc import Sequence

from rich.text import Text

from fashion_tui.report.formatting import format_bytes
from fashion_tui.report.glyphs import Glyphs
from fashion_tui.report.runs import state_mark
from fashion_tui.report.style import ACCENT, ATTENTION, BAD, FOREGROUND, GOOD, MUTED
from fashion_tui.runs.reader import RunSnapshot
from fashion_tui.schema.events import Failed, Stopped
from fashion_tui.schema.run import LIVE_STATES, RunConfig, short_name
from fashion_tui.tui.widgets.large_number import large_number


def figure_lines(snapshot: RunSnapshot, width: int, glyphs: Glyphs, *, tall: bool) -> list[Text]:
    """What the run is, its figures, how far it came: eight lines, or four where room is short."""
    figures = _tall_figures(snapshot, width, glyphs) if tall else [_figures(snapshot, width, glyphs)]
    return [
        _title(snapshot, width, glyphs),
        Text(),
        *figures,
        _progress(snapshot, width, glyphs),
    ]


def note(snapshot: RunSnapshot, asked: str | None, glyphs: Glyphs) -> Text:
    """The one thing to know now: what was asked, why it ended, what to do."""
    if asked is not None:
        return Text(f"{asked} …", style=ATTENTION)
    if snapshot.damage is not None:
        return Text(f"{glyphs.bad} {snapshot.damage}", style=BAD)
    if snapshot.state in LIVE_STATES:
        return _live_note(snapshot)
    return _ended_note(snapshot, glyphs)


def _title(snapshot: RunSnapshot, width: int, glyphs: Glyphs) -> Text:
    mark, colour = state_mark(snapshot.state, glyphs)
    state = Text.assemble((mark, colour), " ", (snapshot.state, FOREGROUND))
    name = Text(short_name(snapshot.run), style=f"bold {FOREGROUND}")
    if snapshot.config is not None:
        name.append("   " + _settings(snapshot.config, snapshot), style=f"not bold {MUTED}")
    name.truncate(max(width - state.cell_len - 2, 8), overflow="ellipsis", pad=True)
    return Text.assemble(name, "  ", state)


def _settings(config: RunConfig, snapshot: RunSnapshot) -> str:
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
    return " · ".join(parts)


def _main_figures(snapshot: RunSnapshot) -> list[tuple[str, str, str]]:
    """Label, figure and colour of the one or two that matter now."""
    if snapshot.status.test_accuracy is not None:
        return [("test accuracy %", f"{snapshot.status.test_accuracy:.2%}".rstrip("%"), GOOD)]
    accuracy = _last(snapshot.accuracy.mean)
    return [
        ("loss", _loss(snapshot), ACCENT),
        ("accuracy %", "–" if accuracy is None or math.isnan(accuracy) else f"{accuracy * 100:5.1f}", ACCENT),
    ]


def _other_figures(snapshot: RunSnapshot) -> list[tuple[str, str, str]]:
    status = snapshot.status
    speed = ("img/s", f"{status.images_per_second:>6,.0f}", FOREGROUND)
    if status.test_accuracy is not None:
        return [("trained in", _duration(status.train_seconds), FOREGROUND), speed]
    return [*_validation(snapshot), speed]


def _figures(snapshot: RunSnapshot, width: int, glyphs: Glyphs) -> Text:
    """All figures on one line, and the last losses where there is room."""
    line = Text(no_wrap=True)
    for label, figure, colour in (*_main_figures(snapshot), *_other_figures(snapshot)):
        line.append(f"{label} ", style=MUTED)
        line.append(figure, style=f"bold {colour}")
        line.append("   ")
    return line.append_text(_last_losses(snapshot, width - line.cell_len, glyphs))


def _tall_figures(snapshot: RunSnapshot, width: int, glyphs: Glyphs) -> list[Text]:
    """The figures that matter three lines high, their names below, and the rest beside the names.

    Neighbours of one colour are one piece of text, which costs a terminal far away the fewest bytes.
    """
    rows, label_row = ["", "", ""], ""
    main = _main_figures(snapshot)
    for label, figure, _ in main:
        large = large_number(figure.strip(), glyphs) if _has_digits(figure) else ("", figure, "")
        room = max(len(label), *map(len, large)) + 4
        rows = [row + part.ljust(room) for row, part in zip(rows, large, strict=True)]
        label_row += label.ljust(room)
    labels = Text(no_wrap=True)
    for label, figure, colour in _other_figures(snapshot):
        labels.append(f"{label_row}{label} ", style=MUTED)
        labels.append(f"{figure}    ", style=colour)
        label_row = ""
    labels.append_text(_last_losses(snapshot, width - labels.cell_len, glyphs))
    colour = main[0][2]
    return [*(Text(row, style=f"bold {colour}", no_wrap=True) for row in rows), labels, Text()]


def _has_digits(figure: str) -> bool:
    return set(figure.strip()) <= set("0123456789.")


def _last_losses(snapshot: RunSnapshot, room: int, glyphs: Glyphs) -> Text:
    """A sparkline of the last steps, where there is room for one that says something."""
    shown = snapshot.recent_loss[-max(room - 6, 1) :]
    if room < 20 or not shown or snapshot.state not in LIVE_STATES:
        return Text()
    return Text.assemble(("last ", MUTED), (glyphs.sparkline(shown), ACCENT))


def _validation(snapshot: RunSnapshot) -> list[tuple[str, str, str]]:
    accuracies = [epoch.validation_accuracy for epoch in snapshot.epochs if epoch.validation_accuracy is not None]
    return [("held out", f"{accuracies[-1]:.1%}", FOREGROUND)] if accuracies else []


def _progress(snapshot: RunSnapshot, width: int, glyphs: Glyphs) -> Text:
    status, total = snapshot.status, snapshot.total_steps
    share = status.step / total if total else 0.0
    line = Text(no_wrap=True)
    line.append("epoch ", style=MUTED)
    line.append(f"{min(status.epoch + 1, status.epochs)}/{status.epochs}", style=FOREGROUND)
    line.append("  step ", style=MUTED)
    line.append(f"{status.step:>{len(f'{total:,}')},}", style=FOREGROUND)
    line.append(f" / {total:,}  " if total else "  ", style=MUTED)
    tail = f" {share:4.0%}"
    if snapshot.state == "running" and status.images_per_second and snapshot.config is not None:
        left = (total - status.step) * snapshot.config.recipe.batch_size / status.images_per_second
        tail += f"  ETA {_duration(left)}"
    room = max(width - line.cell_len - len(tail) - 8, 4)
    bar = glyphs.bar(share, room)
    line.append(bar, style=GOOD if snapshot.state == "finished" else ACCENT)
    line.append(glyphs.rule * (room - len(bar)), style="#3a3a3a")
    line.append(tail, style=FOREGROUND)
    return line


def _live_note(snapshot: RunSnapshot) -> Text:
    if snapshot.state == "starting":
        return Text("the trainer is loading PyTorch and the data", style=MUTED)
    if snapshot.state == "paused":
        return Text("paused · p lets it go on", style=ATTENTION)
    if snapshot.notice is not None:
        return Text(snapshot.notice, style=ATTENTION)
    if snapshot.warnings:
        return Text(f"! {snapshot.warnings[-1].message}", style=ATTENTION)
    return _checkpoint_note(snapshot)


def _checkpoint_note(snapshot: RunSnapshot) -> Text:
    """The last checkpoint and what it cost, so that nobody has to wonder what a power cut would take."""
    saved = snapshot.checkpoint
    if saved is None:
        return Text()
    words = f"checkpoint at step {saved.step:,}: {format_bytes(saved.bytes)} in {saved.seconds:.2f} s"
    if saved.next_in is not None:
        words += f", next in {max(saved.next_in, 1):.0f} s"
    return Text(f"{words} · {_on_disk(snapshot)}", style=MUTED)


def _ended_note(snapshot: RunSnapshot, glyphs: Glyphs) -> Text:
    if snapshot.state == "lost":
        return Text(f"r resumes it · {snapshot.notice or 'its trainer is gone'}", style=ATTENTION)
    match snapshot.end:
        case Failed(message=message):
            return Text(f"{glyphs.bad} {message}", style=BAD)
        case Stopped(step=step):
            return Text(f"stopped at step {step:,} · r resumes it · {_on_disk(snapshot)}", style=MUTED)
        case _:
            return Text(f"e shows what it learned, and where it errs · {_on_disk(snapshot)}", style=MUTED)


def _on_disk(snapshot: RunSnapshot) -> str:
    return f"{format_bytes(snapshot.disk_bytes)} on disk"


def _loss(snapshot: RunSnapshot) -> str:
    loss = snapshot.status.loss
    if loss is None:
        last = _last(snapshot.loss.mean)
        return "–" if last is None else f"{last:.3f}"
    return f"{loss:.3f}" if isinstance(loss, float) else loss


def _last(values: Sequence[float]) -> float | None:
    return values[-1] if values else None


def _duration(seconds: float) -> str:
    """`0:09`, `12:34`, `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
