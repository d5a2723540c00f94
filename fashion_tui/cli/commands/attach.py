"""`fashion-tui attach`."""

import click

from fashion_tui.cli.app import open_app
from fashion_tui.cli.options import CommonOptions, common_options, run_argument
from fashion_tui.runs.store import open_run


@click.command(
    "attach",
    epilog="""\b
Examples:
  fashion-tui attach latest
  fashion-tui attach 20261123-1430""",
)
@run_argument
@common_options
def attach_command(name: str, common: CommonOptions) -> None:
    """Open a run in the app.

    RUN is an id such as 20261123-143012-guide-a1b2, the id without its time, a unique prefix of either, a path, or
    latest.
    """
    with open_run(common.runs_directory, name) as run:
        path = run.path
    open_app(common, attach=path)
