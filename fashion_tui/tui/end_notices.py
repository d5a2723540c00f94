"""Notices about runs that have ended while the app is open."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.notifications import SeverityLevel

from fashion_tui.report.formatting import format_accuracy
from fashion_tui.schema.run import LIVE_STATES, RunSummary, short_name


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
