"""`fashion-tui resume`."""

from pathlib import Path

import click
import msgspec

from fashion_tui.cli.output import json_option, write_json
from fashion_tui.cli.place import Place, place_options
from fashion_tui.cli.trainer import NewEvents, wait_for_start
from fashion_tui.cli.trust import note_trust, trust_option
from fashion_tui.runs import launch
from fashion_tui.runs.launch import Outcome
from fashion_tui.runs.store import find_run
from fashion_tui.schema.errors import UsageError

START_PATIENCE = 30.0
"""Seconds that a new trainer gets to say where it goes on; it imports torch first."""


@click.command(
    "resume",
    epilog="""\b
Examples:
  fashion-tui resume latest
  fashion-tui resume latest --epochs 10         more epochs than it was made for
  fashion-tui resume 20261123-1430 --json""",
)
@click.argument("run")
@click.option("--epochs", type=int, metavar="N", help="Train until so many epochs are done, in all.")
@trust_option
@json_option
@place_options
def resume_command(run: str, epochs: int | None, *, trusted: bool, as_json: bool, place: Place) -> None:
    """Let a run go on, and return: a paused one where it waits, a stopped or lost one from its last checkpoint.

    On a running run it changes nothing; on a finished one too, unless --epochs asks for more.
    """
    if epochs is not None and epochs < 1:
        raise UsageError(f"epochs is {epochs}; it must be 1 or more")
    path = find_run(place.runs_directory, run)
    note_trust(path, trusted=trusted)
    outcome = _resume(path, epochs)
    if as_json:
        write_json(outcome)
    else:
        watch = f"; watch it: fashion-tui attach {outcome.run}" if outcome.pid is not None else ""
        click.echo(f"{outcome.run}: {outcome.state} from step {outcome.from_step:,}{watch}")


def _resume(run_path: Path, epochs: int | None) -> Outcome:
    """Waits for the word of a new trainer: only it knows for sure where it goes on."""
    events = NewEvents(run_path)
    outcome = launch.resume(run_path, epochs)
    if outcome.state != "starting" or outcome.pid is None:
        return outcome
    step = wait_for_start(run_path, outcome.pid, events, START_PATIENCE)
    if step is None:
        return outcome
    return msgspec.structs.replace(outcome, state="running", from_step=step)
