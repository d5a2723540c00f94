"""`fashion-tui delete` and `restore`."""

import sys
from contextlib import ExitStack

import click

from fashion_tui.cli.options import CommonOptions, common_options, json_option
from fashion_tui.cli.output import print_line, write_json
from fashion_tui.cli.values import DeletedRun, RunName
from fashion_tui.report.formatting import format_bytes
from fashion_tui.runs import trash
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import open_run
from fashion_tui.schema.errors import UsageError


@click.command(
    "delete",
    epilog="""\b
Examples:
  fashion-tui delete latest
  fashion-tui delete guide-a1b2 guide-c3d4 --yes
\b
The runs are moved to the folder .trash in the runs folder; fashion-tui restore moves them back.""",
)
@click.argument("names", metavar="RUN...", type=RunName(), nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Delete without a prompt.")
@json_option
@common_options
def delete_command(names: tuple[str, ...], *, yes: bool, as_json: bool, common: CommonOptions) -> None:
    """Move runs to the trash, after asking for confirmation.

    If any run is live, nothing is deleted.

    RUN is an id such as 20261123-143012-guide-a1b2, the id without its time, a unique prefix of either, a path, or
    latest.
    """
    folder = common.runs_directory
    with ExitStack() as stack:
        opened = [stack.enter_context(open_run(folder, name)) for name in names]
        runs = list({run.path: run for run in opened}.values())
        for run in runs:
            trash.check_deletable(run, folder)
        if not yes:
            _confirm(runs)
        for run in runs:
            path = trash.delete(run, folder)
            if as_json:
                write_json({"run": run.id, "path": str(path)})
            else:
                print_line(f"{run.id}: moved to the trash; undo with: fashion-tui restore {run.id}")


@click.command(
    "restore",
    epilog="""\b
Examples:
  fashion-tui restore guide-a1b2
  fashion-tui restore 20261123-143012-guide-a1b2 --json""",
)
@click.argument("names", metavar="RUN...", type=DeletedRun(), nargs=-1, required=True)
@json_option
@common_options
def restore_command(names: tuple[str, ...], *, as_json: bool, common: CommonOptions) -> None:
    """Move runs from the trash back to the runs folder.

    RUN is an id such as 20261123-143012-guide-a1b2, the id without its time, or a unique prefix of either.
    """
    for name in names:
        path = trash.restore(common.runs_directory, name)
        if as_json:
            write_json({"run": path.name, "path": str(path)})
        else:
            print_line(f"{path.name}: restored")


def _confirm(runs: list[Run]) -> None:
    """Ask the user on the terminal, and abort if they decline. Raises UsageError if stdin isn't a terminal."""
    if not sys.stdin.isatty():
        raise UsageError("delete needs a terminal for its prompt, but stdin isn't one; add --yes to skip the prompt")
    for run in runs:
        print_line(f"{run.id}: {format_bytes(run.contents().bytes)}", err=True)
    click.confirm(f"move {'1 run' if len(runs) == 1 else f'{len(runs)} runs'} to the trash?", abort=True, err=True)
