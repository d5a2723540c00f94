"""`fashion-tui runs`."""

import sys
from pathlib import Path

import click

from fashion_tui.cli.options import CommonOptions, common_options, json_option
from fashion_tui.cli.output import print_line, show, write_json
from fashion_tui.report.formatting import format_bytes
from fashion_tui.report.runs import runs_tables
from fashion_tui.runs import store
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import Pruned, list_runs
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.run import RunSummary


@click.command(
    "runs",
    epilog="""\b
Examples:
  fashion-tui runs
  fashion-tui runs --json | jq -r '.[] | select(.state == "running") | .run'
  fashion-tui runs --prune                      delete older checkpoints, after asking for confirmation
  fashion-tui runs --prune --yes --json         for scripts
\b
--prune keeps the best checkpoint of a run, the newest intact one (to resume from), the
configuration and the log. It doesn't touch live runs.""",
)
@click.option(
    "--prune", "prune", is_flag=True, help="Delete the older checkpoints of ended runs, after asking for confirmation."
)
@click.option("--yes", is_flag=True, help="Delete without a prompt; requires --prune.")
@json_option
@common_options
def runs_command(*, prune: bool, yes: bool, as_json: bool, common: CommonOptions) -> None:
    """List all runs, newest first.

    Damaged runs are listed with the reason.
    """
    if common.runs is not None and not common.runs_directory.is_dir():
        raise UserError(f"no folder {str(common.runs_directory)!r}; check --runs")
    runs = tuple(list_runs(common.runs_directory))
    if prune:
        _prune(runs, confirmed=yes, as_json=as_json)
    elif yes:
        raise UsageError("--yes requires --prune")
    elif as_json:
        write_json(runs)
    elif runs:
        show(*runs_tables(runs))
    else:
        print_line(f"no runs in {common.runs_directory}; start one with: fashion-tui train", err=True)


def _prune(runs: tuple[RunSummary, ...], *, confirmed: bool, as_json: bool) -> None:
    prunable = store.prunable(runs)
    if prunable and not confirmed:
        _confirm(prunable)
    pruned = tuple(_prune_run(Path(run.path)) for run in prunable)
    if as_json:
        write_json(pruned)
    elif not pruned:
        print_line("ended runs have no older checkpoints to delete", err=True)
    else:
        print_line(f"deleted {_size(pruned)} of checkpoints from {_count(pruned)}")


def _prune_run(path: Path) -> Pruned:
    with Run(path) as run:
        return store.prune(run)


def _confirm(prunable: tuple[Pruned, ...]) -> None:
    """Ask the user on the terminal, and abort if they decline. Raises UsageError if stdin isn't a terminal."""
    if not sys.stdin.isatty():
        raise UsageError("--prune needs a terminal for its prompt, but stdin isn't one; add --yes to skip the prompt")
    for run in prunable:
        print_line(f"{run.run}: {format_bytes(run.bytes)} of older checkpoints", err=True)
    click.confirm(f"delete {_size(prunable)} of older checkpoints from {_count(prunable)}?", abort=True, err=True)


def _size(runs: tuple[Pruned, ...]) -> str:
    return format_bytes(sum(run.bytes for run in runs))


def _count(runs: tuple[Pruned, ...]) -> str:
    return "1 run" if len(runs) == 1 else f"{len(runs)} runs"
