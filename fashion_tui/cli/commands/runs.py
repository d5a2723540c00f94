"""`fashion-tui runs`."""

import sys
from pathlib import Path

import click
import msgspec

from fashion_tui.cli.options import CommonOptions, common_options, json_option
from fashion_tui.cli.output import print_line, print_warning, show, write_csv, write_json
from fashion_tui.cli.values import RunName
from fashion_tui.report.formatting import format_bytes
from fashion_tui.report.runs import metrics_table, runs_tables
from fashion_tui.runs import store
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import Pruned, list_runs, open_run, summarise
from fashion_tui.runs.table import metric_summary, metric_values, rows
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.run import RunSummary


@click.command(
    "runs",
    epilog="""\b
Examples:
  fashion-tui runs
  fashion-tui runs --json | jq -r '.[] | select(.state == "running") | .run'
  fashion-tui runs latest                       the last, lowest and highest value of each metric
  fashion-tui runs latest --csv > metrics.csv   all values, one row per step
  fashion-tui runs --prune                      delete older checkpoints, after asking for confirmation
  fashion-tui runs --prune --yes --json         for scripts
\b
--prune keeps the best checkpoint of a run, the newest intact one (to resume from), the
configuration and the log. It doesn't touch live runs.""",
)
@click.argument("name", metavar="[RUN]", type=RunName(), required=False)
@click.option("--csv", "as_csv", is_flag=True, help="Print all metrics of RUN as CSV, one row per step.")
@click.option(
    "--prune", "prune", is_flag=True, help="Delete the older checkpoints of ended runs, after asking for confirmation."
)
@click.option("--yes", is_flag=True, help="Delete without a prompt; requires --prune.")
@json_option
@common_options
def runs_command(  # noqa: PLR0913
    name: str | None, *, as_csv: bool, prune: bool, yes: bool, as_json: bool, common: CommonOptions
) -> None:
    """List all runs, newest first, or show the metrics of one run.

    RUN is an id, a unique prefix of an id, a path, or latest. Damaged runs are listed with the reason.
    """
    if yes and not prune:
        raise UsageError("--yes requires --prune")
    if as_csv and (name is None or as_json):
        raise UsageError("--csv requires RUN" if name is None else "choose --csv or --json")
    if name is not None:
        if prune:
            raise UsageError("--prune deletes checkpoints of all ended runs; leave out RUN")
        with open_run(common.runs_directory, name) as run:
            _show_run(run, as_csv=as_csv, as_json=as_json)
        return
    if common.runs is not None and not common.runs_directory.is_dir():
        raise UserError(f"no folder {str(common.runs_directory)!r}; check --runs")
    runs = tuple(list_runs(common.runs_directory))
    if prune:
        _prune(runs, confirmed=yes, as_json=as_json)
    elif as_json:
        write_json(runs)
    elif runs:
        show(*runs_tables(runs))
    else:
        print_line(f"no runs in {common.runs_directory}; start one with: fashion-tui train", err=True)


def _show_run(run: Run, *, as_csv: bool, as_json: bool) -> None:
    """Print the metrics of one run. Print a warning to stderr if some of its files can't be read."""
    reader = RunReader(run)
    snapshot = reader.poll()
    summary = summarise(run)
    if snapshot.damage is not None:
        print_warning(snapshot.damage)
    if as_csv:
        write_csv(
            ["step", "time", *reader.metrics],
            ([step, time, *row] for step, time, row in rows(reader.metrics, reader.times)),
        )
    elif as_json:
        values = {name: metric_values(series) for name, series in reader.metrics.items()}
        write_json(msgspec.to_builtins(summary) | {"metrics": values})
    else:
        summaries = [metric_summary(name, series) for name, series in reader.metrics.items()]
        show(*runs_tables([summary]), "", *([metrics_table(summaries)] if summaries else []))


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
