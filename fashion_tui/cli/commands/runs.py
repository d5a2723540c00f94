"""`fashion-tui runs`."""

import click

from fashion_tui.cli.output import json_option, show, write_json
from fashion_tui.cli.place import Place, place_options
from fashion_tui.report.runs import runs_table
from fashion_tui.runs.store import list_runs


@click.command(
    "runs",
    epilog="""\b
Examples:
  fashion-tui runs
  fashion-tui runs --json | jq -r '.[] | select(.state == "running") | .run'""",
)
@json_option
@place_options
def runs_command(*, as_json: bool, place: Place) -> None:
    """List the runs, newest first; damaged ones too."""
    runs = tuple(list_runs(place.runs_directory))
    if as_json:
        write_json(runs)
    elif runs:
        show(runs_table(runs))
    else:
        click.echo(f"no runs yet in {place.runs_directory}; start one: fashion-tui train", err=True)
