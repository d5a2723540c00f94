"""`fashion-tui runs`."""

import sys
from pathlib import Path

import click

from fashion_tui.cli.output import json_option, show, write_json
from fashion_tui.cli.place import Place, place_options
from fashion_tui.report.formatting import format_bytes
from fashion_tui.report.runs import runs_tables
from fashion_tui.runs import disk
from fashion_tui.runs.store import list_runs
from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.run import RunSummary


@click.command(
    "runs",
    epilog="""\b
Examples:
  fashion-tui runs
  fashion-tui runs --json | jq -r '.[] | select(.state == "running") | .run'
  fashion-tui runs --prune                      after asking
  fashion-tui runs --prune --yes --json         for scripts
\b
--prune keeps of every ended run the newest whole checkpoint, from which it can be resumed,
the best one, the configuration and the log. Live runs aren't touched.""",
)
@click.option("--prune", "wants_prune", is_flag=True, help="Remove the older checkpoints of ended runs, after asking.")
@click.option("--yes", is_flag=True, help="With --prune: don't ask.")
@json_option
@place_options
def runs_command(*, wants_prune: bool, yes: bool, as_json: bool, place: Place) -> None:
    """List the runs, newest first; damaged ones too."""
    runs = tuple(list_runs(place.runs_directory))
    if wants_prune:
        _prune(runs, sure=yes, as_json=as_json)
    elif yes:
        raise UsageError("--yes goes with --prune")
    elif as_json:
        write_json(runs)
    elif runs:
        show(*runs_tables(runs))
    else:
        click.echo(f"no runs yet in {place.runs_directory}; start one: fashion-tui train", err=True)


def _prune(runs: tuple[RunSummary, ...], *, sure: bool, as_json: bool) -> None:
    found = disk.prunable(runs)
    if found and not sure:
        _ask(found)
    pruned = tuple(disk.prune(Path(run.path)) for run in found)
    if as_json:
        write_json(pruned)
    elif not pruned:
        click.echo("no ended run has older checkpoints to remove", err=True)
    else:
        click.echo(f"{format_bytes(sum(run.bytes for run in pruned))} freed, of {len(pruned)} run(s)")


def _ask(found: tuple[disk.Pruned, ...]) -> None:
    """Goes on where the person says yes. UsageError where there is nobody to ask."""
    if not sys.stdin.isatty():
        raise UsageError("--prune asks first, and stdin is no terminal; --yes does without")
    for run in found:
        click.echo(f"{run.run}: {format_bytes(run.bytes)} of older checkpoints", err=True)
    size = format_bytes(sum(run.bytes for run in found))
    click.confirm(f"remove {size} of {len(found)} run(s)? each can still be resumed", abort=True, err=True)
