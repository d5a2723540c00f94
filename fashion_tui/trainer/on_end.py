"""Run the user's command after the end of a run."""

import os
import signal
import subprocess
import time
from contextlib import suppress

import msgspec

from fashion_tui.machine.signals import signal_name
from fashion_tui.runs import on_end
from fashion_tui.runs.errors import reason
from fashion_tui.runs.run import Run
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.events import Warned
from fashion_tui.schema.run import RunStatus, short_name

from .reporting import print_line


def run_command(run: Run, status: RunStatus) -> None:
    """Run the user's on-end command for this run, if there is one.

    `status` is the final status. The caller must have released the run's lock and its device, because the command may
    resume or delete the run, or start a run that waits for the device. If the command fails, a warning is added to the
    run, but the run's state doesn't change.
    """
    try:
        stored = on_end.recall(run)
        problem = None if stored is None else _execute(stored, run, status)
    except UserError as error:
        problem = str(error)
    if problem is not None:
        _report(problem, run, status)


def variables(run: Run, status: RunStatus) -> dict[str, str]:
    """Return the environment variables that describe a run to the command. Unknown values are empty strings."""
    return {
        "FASHION_TUI_RUN": run.id,
        "FASHION_TUI_NAME": short_name(run.id),
        "FASHION_TUI_RUNS": str(run.path.parent),
        "FASHION_TUI_STATE": status.state,
        "FASHION_TUI_ACCURACY": "" if status.test_accuracy is None else f"{status.test_accuracy:.4f}",
        "FASHION_TUI_STEP": str(status.step),
        "FASHION_TUI_SECONDS": f"{status.train_seconds:.0f}",
        "FASHION_TUI_MESSAGE": status.message or "",
    }


def _execute(stored: on_end.Command, run: Run, status: RunStatus) -> str | None:
    """Run the command in a shell. Return an error message, or None on success. The output goes to `trainer.log`."""
    try:
        process = subprocess.Popen(
            ["/bin/sh", "-c", stored.command],
            stdin=subprocess.DEVNULL,
            cwd=stored.directory,
            env=os.environ | variables(run, status),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:  # ValueError: the command contains a NUL
        why = reason(error) if isinstance(error, OSError) else str(error)
        return f"the on-end command can't be run in {stored.directory!r}: {why}"
    try:
        exit_status = process.wait(on_end.TIME_LIMIT)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return f"the on-end command was killed because it took more than {on_end.TIME_LIMIT:g} s"
    if exit_status == 0:
        return None
    ended = f"exit status {exit_status}" if exit_status > 0 else signal_name(-exit_status)
    return f"the on-end command failed ({ended}); its output is in trainer.log"


def _report(problem: str, run: Run, status: RunStatus) -> None:
    """Add a warning to the run's log and, unless the status already has a message, to its status.

    If the run has been resumed meanwhile, only print the warning, because the log and the status are the new trainer's.
    """
    print_line(problem)
    with suppress(UserError, OSError), run.lock():
        if _trainer(run.read_status()) != _trainer(status):
            return
        writer = run.event_writer()
        writer.write(Warned(time=time.time(), message=problem))
        writer.close()
        if status.message is None:
            run.write_status(msgspec.structs.replace(status, message=problem), durable=True)


def _trainer(status: RunStatus) -> tuple[int | None, float | None]:
    """Return what identifies the trainer that wrote a status."""
    return status.pid, status.pid_started
