"""Why the state of a run doesn't allow an action."""

from collections.abc import Callable, Mapping, Sequence

from fashion_tui.schema.run import LIVE_STATES, RunSummary, short_name
from fashion_tui.tui.actions import key_of


def _not_live(participle: str) -> Callable[[RunSummary], str]:
    def obstacle(run: RunSummary) -> str:
        return "" if run.state in LIVE_STATES else f"is {run.state}; only a live run can be {participle}"

    return obstacle


def _not_started(participle: str) -> Callable[[RunSummary], str]:
    def obstacle(run: RunSummary) -> str:
        if run.kind == "logged" and run.state in LIVE_STATES:
            return f"is logged by a script, which can be stopped, but not {participle}"
        if run.state != "queued":
            return _not_live(participle)(run)
        return f"is queued; it can be stopped by {key_of('train', 'stop')}, but not {participle}"

    return obstacle


def _not_queued(run: RunSummary) -> str:
    return "" if run.state == "queued" else f"is {run.state}; only a queued run can be moved in the queue"


def _not_resumable(run: RunSummary) -> str:
    if run.damage is not None:
        return "is damaged"
    if run.kind == "logged":
        return _LOGGED
    return (
        "" if run.state in {"stopped", "failed", "lost"} else f"is {run.state}; only an interrupted run can be resumed"
    )


def _not_repeatable(run: RunSummary) -> str:
    if run.recipe is not None:
        return ""
    return "is damaged" if run.damage is not None else _LOGGED


def _not_deletable(run: RunSummary) -> str:
    return f"is {run.state}; stop it by {key_of('train', 'stop')} first" if run.state in LIVE_STATES else ""


_LOGGED = "is logged by a script; run the script again"
_IMPORTED = "is imported; it can be compared and exported, but not changed or controlled"

_OBSTACLES: Mapping[str, Callable[[RunSummary], str]] = {
    "pause": _not_started("paused"),
    "stop": _not_live("stopped"),
    "checkpoint": _not_started("asked for a checkpoint"),
    "move_in_queue": _not_queued,
    "resume": _not_resumable,
    "evaluate": lambda run: "" if run.checkpoint_bytes > 0 else "has no checkpoint to evaluate",
    "repeat": _not_repeatable,
    "delete": _not_deletable,
}

ACTIONS_ON_RUNS = (*_OBSTACLES, "rename", "tag", "write_note")
"""The actions on the run under the cursor."""


def obstacle(action: str, run: RunSummary) -> str:
    """Return in one line why an action can't be carried out on a run, or an empty string if it can."""
    if run.kind == "imported" and action in ACTIONS_ON_RUNS:
        return f"{short_name(run.run)} {_IMPORTED}."
    why = _OBSTACLES[action](run) if action in _OBSTACLES else ""
    return why and f"{short_name(run.run)} {why}."


def obstacle_of_any(action: str, runs: Sequence[RunSummary]) -> str:
    """Return a one-line reason why an action can't be applied to all of the runs, or an empty string if it can."""
    refused = [why for run in runs if (why := obstacle(action, run))]
    if len(refused) < 2:
        return refused[0] if refused else ""
    others = len(refused) - 1
    return f"{refused[0]} The same applies to {others} more marked run{'s' if others > 1 else ''}."
