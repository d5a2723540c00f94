"""Messages about runs that end while the app is open, were lost while it was closed, or continue after it exits."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.notifications import SeverityLevel

from fashion_tui.report.formatting import format_accuracy
from fashion_tui.schema.run import LIVE_STATES, RunSummary, short_name

from .actions import key_of


@dataclass(frozen=True, slots=True)
class EndNotice:
    text: str
    severity: SeverityLevel


def end_notices(before: Sequence[RunSummary], after: Sequence[RunSummary]) -> list[EndNotice]:
    """Return a notice for each run that was live before and has finished, failed or been lost since then.

    Runs that the user has stopped get no notice.
    """
    live = {run.run for run in before if run.state in LIVE_STATES}
    notices = (_notice(run) for run in after if run.run in live)
    return [notice for notice in notices if notice is not None]


def _notice(run: RunSummary) -> EndNotice | None:
    name = short_name(run.run)
    match run.state:
        case "finished" if run.test_accuracy is not None:
            return EndNotice(f"{name} has finished: test accuracy {format_accuracy(run.test_accuracy)}", "information")
        case "finished":
            return EndNotice(f"{name} has finished at step {run.step:,}", "information")
        case "failed":
            cause = (run.message or "see its trainer.log").split("; ")[0]  # the Train pane also says what to try
            return EndNotice(f"{name} has failed: {cause}", "error")
        case "lost":
            process = "script" if run.kind == "logged" else "trainer"
            return EndNotice(f"{name} is lost: its {process} was killed", "error")
        case _:
            return None


def lost_runs(runs: Sequence[RunSummary]) -> str | None:
    """Return a message about the runs whose trainer died while the app was closed, or None if there are none."""
    lost = [short_name(run.run) for run in runs if run.state == "lost" and run.damage is None]
    if not lost:
        return None
    others = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
    pane_key, key = key_of("everywhere", "train", inside_editors=True), key_of("train", "resume")
    return f"Trainer lost: {lost[0]}{others}. To resume from the last checkpoint, press {pane_key}, then {key}."


def still_running(runs: Sequence[RunSummary]) -> str | None:
    """Return a message with the names of the live runs for a user who quits, or None if no run is live."""
    live = [run for run in runs if run.state in LIVE_STATES]
    groups = {
        "Still running": [short_name(run.run) for run in live if run.state != "queued"],
        "Queued": [short_name(run.run) for run in live if run.state == "queued"],
    }
    parts = [f"{state}: {', '.join(names)}." for state, names in groups.items() if names]
    return " ".join([*parts, "Start fashion-tui again to see the progress."]) if parts else None
