"""`fashion-tui attach`."""

import click

from fashion_tui.cli.app import open_app
from fashion_tui.cli.options import CommonOptions, common_options
from fashion_tui.runs.store import open_run


@click.command(
    "attach",
    epilog="""\b
Examples:
  fashion-tui attach latest
  fashion-tui attach 20261123-1430""",
)
@click.argument("run")
@common_options
def attach_command(run: str, common: CommonOptions) -> None:
    """Open a run in the app.

    RUN is an id, a unique prefix of an id, a path, or latest.
    """
    with open_run(common.runs_directory, run) as opened:
        path = opened.path
    open_app(common, attach=path)
