"""`fashion-tui pause`, `resume`, `stop` and `checkpoint`."""

from collections.abc import Callable

import click
import msgspec

from fashion_tui.cli.follow import wait_for_start
from fashion_tui.cli.options import CommonOptions, common_options, json_option, queue_option, run_argument, trust_option
from fashion_tui.cli.output import print_line, print_warning, write_json
from fashion_tui.cli.run_data import read_run_dataset
from fashion_tui.runs import launch, requests
from fashion_tui.runs.requests import Outcome
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import open_run, summarise
from fashion_tui.schema.recipe_checks import check_epochs

START_TIMEOUT = 30.0
"""Timeout for a new trainer to import torch and report the step from which it resumes, in seconds."""


def _examples(command: str) -> str:
    return f"""\b
Examples:
  fashion-tui {command} latest
  fashion-tui {command} 20261123-1430 --json"""


@click.command("pause", epilog=_examples("pause"))
@run_argument
@json_option
@common_options
def pause_command(name: str, *, as_json: bool, common: CommonOptions) -> None:
    """Pause a run.

    The trainer stays in memory and waits for `fashion-tui resume`.

    RUN is an id such as 20261123-143012-guide-a1b2, the id without its time, a unique prefix of either, a path, or
    latest.
    """
    _print_outcome(_request(requests.pause, name, common), as_json=as_json)


@click.command("stop", epilog=_examples("stop"))
@run_argument
@json_option
@common_options
def stop_command(name: str, *, as_json: bool, common: CommonOptions) -> None:
    """Save a checkpoint and stop a run.

    `fashion-tui resume` continues from the checkpoint. A queued run is removed from the queue.

    RUN is an id such as 20261123-143012-guide-a1b2, the id without its time, a unique prefix of either, a path, or
    latest.
    """
    _print_outcome(_request(requests.stop, name, common), as_json=as_json)


@click.command("checkpoint", epilog=_examples("checkpoint"))
@run_argument
@json_option
@common_options
def checkpoint_command(name: str, *, as_json: bool, common: CommonOptions) -> None:
    """Save a checkpoint of a run now.

    RUN is an id such as 20261123-143012-guide-a1b2, the id without its time, a unique prefix of either, a path, or
    latest.
    """
    _print_outcome(_request(requests.checkpoint, name, common), as_json=as_json)


@click.command(
    "resume",
    epilog="""\b
Examples:
  fashion-tui resume latest
  fashion-tui resume latest --epochs 10         train longer than planned
  fashion-tui resume latest --queue             as soon as the device is free
  fashion-tui resume 20261123-1430 --json""",
)
@run_argument
@click.option("--epochs", type=int, metavar="N", help="Train for a total of N epochs.")
@click.option(
    "--inexact",
    is_flag=True,
    help="Resume even if the checkpoint is missing part of a custom model's state. "
    "fashion-tui train warns about such models.",
)
@trust_option
@queue_option
@json_option
@common_options
def resume_command(  # noqa: PLR0913 - one parameter per option
    name: str, epochs: int | None, *, inexact: bool, trusted: bool, queue: bool, as_json: bool, common: CommonOptions
) -> None:
    """Resume a paused, stopped or lost run in the background.

    A paused run continues where it left off; any other run continues from its last checkpoint. A run that is already
    running is left alone. A finished run continues only if --epochs asks for more epochs.

    RUN is an id such as 20261123-143012-guide-a1b2, the id without its time, a unique prefix of either, a path, or
    latest.
    """
    if epochs is not None:
        check_epochs(epochs)
    with open_run(common.runs_directory, name) as run:
        if trusted:
            run.trust_model()
        read_run_dataset(run.config, common)
        was_running = run.is_locked() and summarise(run).state == "running"
        outcome = _resume(run, epochs, inexact=inexact, queue=queue)
    if as_json:
        write_json(outcome)
    else:
        print_line(_resumed_line(outcome, was_running=was_running))


def _request(action: Callable[[Run], Outcome], name: str, common: CommonOptions) -> Outcome:
    with open_run(common.runs_directory, name) as run:
        return action(run)


def _print_outcome(outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        write_json(outcome)
    else:
        print_line(f"{outcome.run}: {outcome.state} at step {outcome.from_step:,}")


def _resume(run: Run, epochs: int | None, *, inexact: bool, queue: bool) -> Outcome:
    """Resume the run. If a new trainer is started, wait until the trainer reports the step from which it resumes."""
    events = run.follow_new_events()
    outcome = launch.resume(run, epochs, queue=queue, inexact=inexact, warn=print_warning)
    if outcome.state != "starting" or outcome.pid is None:
        return outcome
    step = wait_for_start(run, outcome.pid, events, START_TIMEOUT)
    if step is None:
        return outcome
    return msgspec.structs.replace(outcome, state="running", from_step=step)


def _resumed_line(outcome: Outcome, *, was_running: bool) -> str:
    run, step = outcome.run, f"step {outcome.from_step:,}"
    if outcome.state == "finished":
        return f"{run}: already finished at {step}; train longer with: fashion-tui resume {run} --epochs N"
    state = f"already running, at {step}" if was_running else f"{outcome.state} from {step}"
    if outcome.state == "queued":
        state = f"queued, to continue from {step}"
    return f"{run}: {state}" + (f"; watch it with: fashion-tui attach {run}" if outcome.pid is not None else "")
