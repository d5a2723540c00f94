"""`fashion-tui attach`."""

import click

from fashion_tui.cli.app import open_app
from fashion_tui.cli.place import Place, place_options
from fashion_tui.runs.store import find_run


@click.command(
    "attach",
    epilog="""\b
Examples:
  fashion-tui attach latest
  fashion-tui attach 20261123-1430""",
)
@click.argument("run")
@place_options
def attach_command(run: str, place: Place) -> None:
    """Open the app on a run.

    RUN is an id, a unique prefix of one, a path, or latest.
    """
    open_app(place, attach=find_run(place.runs_directory, run))
