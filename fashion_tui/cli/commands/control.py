"""`fashion-tui pause`, `stop` and `checkpoint`: requests to a run's trainer."""

from collections.abc import Callable
from pathlib import Path

import click

from fashion_tui.cli.output import json_option, write_json
from fashion_tui.cli.place import Place, place_options
from fashion_tui.runs import launch
from fashion_tui.runs.launch import Outcome
from fashion_tui.runs.store import find_run


def _epilog(name: str) -> str:
    return f"""\b
Examples:
  fashion-tui {name} latest
  fashion-tui {name} 20261123-1430 --json"""


@click.command("pause", epilog=_epilog("pause"))
@click.argument("run")
@json_option
@place_options
def pause_command(run: str, *, as_json: bool, place: Place) -> None:
    """Let a run wait where it is, until `fashion-tui resume`. Its process stays."""
    _control(launch.pause, run, place, as_json=as_json)


@click.command("stop", epilog=_epilog("stop"))
@click.argument("run")
@json_option
@place_options
def stop_command(run: str, *, as_json: bool, place: Place) -> None:
    """End a run early, after a checkpoint; `fashion-tui resume` goes on from there."""
    _control(launch.stop, run, place, as_json=as_json)


@click.command("checkpoint", epilog=_epilog("checkpoint"))
@click.argument("run")
@json_option
@place_options
def checkpoint_command(run: str, *, as_json: bool, place: Place) -> None:
    """Let a run write a checkpoint now."""
    _control(launch.checkpoint, run, place, as_json=as_json)


def _control(ask: Callable[[Path], Outcome], run: str, place: Place, *, as_json: bool) -> None:
    outcome = ask(find_run(place.runs_directory, run))
    if as_json:
        write_json(outcome)
    else:
        click.echo(f"{outcome.run}: {outcome.state} at step {outcome.from_step:,}")
