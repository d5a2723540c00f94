"""`fashion-tui runs`."""

import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec
from rich.text import Text

from fashion_tui.cli.options import CommonOptions, common_options, json_option
from fashion_tui.cli.output import print_line, print_warning, show, write_csv, write_json, write_toml
from fashion_tui.cli.values import NameList, RunName
from fashion_tui.report.config_text import config_text
from fashion_tui.report.formatting import format_bytes
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.runs import fields_table, metrics_table, runs_tables
from fashion_tui.report.style import ATTENTION
from fashion_tui.report.verdicts import verdict_text
from fashion_tui.runs import store
from fashion_tui.runs.fields import FIELDS, RunFields, check_fields, sort_runs
from fashion_tui.runs.filter import filter_runs
from fashion_tui.runs.metric_cache import MetricCache
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import Pruned, list_runs, open_run, summarise
from fashion_tui.runs.table import metric_summary, metric_values, rows
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.run import RunSummary

FIELD_LINES = textwrap.fill(", ".join(FIELDS), 92)


@click.command(
    "runs",
    epilog=f"""\b
Examples:
  fashion-tui runs
  fashion-tui runs --json | jq -r '.[] | select(.state == "running") | .run'
  fashion-tui runs latest                       the last, lowest and highest value of each metric,
                                                and problems of the run
  fashion-tui runs latest --csv > metrics.csv   all values, one row per step
  fashion-tui runs latest --config > net.toml   the settings, for train --config net.toml
  fashion-tui runs --filter 'state:finished lr>1e-3 -tag:old'
  fashion-tui runs --columns name,lr,loss.best,duration --sort loss.best
  fashion-tui runs --prune                      delete older checkpoints, after asking for confirmation
  fashion-tui runs --prune --yes --json         for scripts
\b
A filter lists the runs that match all its terms. A term is one of:
  mnist             a word in the id, title, recipe, data set, note or tags
  /gui.e|quick/     a regular expression in the same strings
  lr>1e-3           a comparison of a field: <, <=, >, >=, = or !=
  note:spike        a field that contains a string
  name:/^wide/      a field that matches a regular expression
  -state:failed     the runs that a term doesn't match
Letter case is ignored. Quote values that contain spaces: name:"my run".
\b
Fields: {FIELD_LINES}
\b
All other settings are fields, too, such as versions.torch, and so are all metrics: loss and
loss.last are the last value, and loss.best is the best value of a loss or an accuracy.
\b
--prune keeps the best checkpoint of a run, the newest intact one (to resume from), the
configuration and the log. It doesn't touch live runs.""",
)
@click.argument("name", metavar="[RUN]", type=RunName(), required=False)
@click.option("--csv", "as_csv", is_flag=True, help="Print all metrics of RUN as CSV, one row per step.")
@click.option("--config", "as_config", is_flag=True, help="Print the configuration of RUN as TOML for train --config.")
@click.option("--filter", "text", metavar="EXPR", help="List only the runs that match; see below.")
@click.option(
    "--sort", type=NameList(FIELDS), metavar="FIELDS", help="Sort by these fields, such as recipe,-created; - reverses."
)
@click.option(
    "--columns", type=NameList(FIELDS), metavar="FIELDS", help="Show these fields instead of the default ones."
)
@click.option(
    "--prune", "prune", is_flag=True, help="Delete the older checkpoints of ended runs, after asking for confirmation."
)
@click.option("--yes", is_flag=True, help="Delete without a prompt; requires --prune.")
@json_option
@common_options
def runs_command(  # noqa: PLR0913
    name: str | None,
    *,
    as_csv: bool,
    as_config: bool,
    text: str | None,
    sort: str | None,
    columns: str | None,
    prune: bool,
    yes: bool,
    as_json: bool,
    common: CommonOptions,
) -> None:
    """List all runs, newest first, or show the metrics of one run.

    RUN is an id such as 20261123-143012-guide-a1b2, the id without its time, a unique prefix of either, a path, or
    latest. Damaged runs are listed with the reason.
    """
    if yes and not prune:
        raise UsageError("--yes requires --prune")
    formats = [option for option, given in (("--csv", as_csv), ("--config", as_config), ("--json", as_json)) if given]
    if name is None and formats and formats[0] != "--json":
        raise UsageError(f"{formats[0]} requires RUN")
    if len(formats) > 1:
        raise UsageError(f"choose {' or '.join(formats)}")
    if name is None:
        _list(common, text, sort, columns, prune=prune, yes=yes, as_json=as_json)
        return
    for option, value in {"--filter": text, "--sort": sort, "--columns": columns}.items():
        if value is not None:
            raise UsageError(f"{option} can't be combined with RUN")
    if prune:
        raise UsageError("--prune can't be combined with RUN; it deletes checkpoints of all ended runs")
    with open_run(common.runs_directory, name) as run:
        if as_config:
            write_toml(config_text(run))
        else:
            _show_run(run, as_csv=as_csv, as_json=as_json)


def _list(  # noqa: PLR0913
    common: CommonOptions,
    text: str | None,
    sort: str | None,
    columns: str | None,
    *,
    prune: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """List the runs that match the filter, or delete their older checkpoints."""
    folder = common.runs_directory
    if common.runs is not None and not folder.is_dir():
        raise UserError(f"no folder {str(folder)!r}; check --runs")
    found = list_runs(folder, print_warning)
    with MetricCache(folder) as cache:
        chosen = _choose([RunFields(run, cache.get) for run in found], text, sort)
        if columns is not None and not prune:
            _show_columns(chosen, columns, as_json=as_json)
            return
    runs = tuple(fields.summary for fields in chosen)
    if prune:
        _prune(runs, confirmed=yes, as_json=as_json)
    elif as_json:
        write_json(runs)
    elif runs:
        show(*runs_tables(runs))
    elif found:
        print_line(f"none of {_count(found)} matches the filter", err=True)
    else:
        print_line(f"no runs in {folder}; start one with: fashion-tui train", err=True)


def _choose(runs: list[RunFields], text: str | None, sort: str | None) -> list[RunFields]:
    if text is not None:
        runs = filter_runs(runs, text)
    return runs if sort is None else sort_runs(runs, sort)


def _show_columns(runs: list[RunFields], columns: str, *, as_json: bool) -> None:
    names = [name.strip() for name in columns.split(",")]
    check_fields("--columns", names, runs)
    if as_json:
        write_json(
            [msgspec.to_builtins(run.summary) | {"columns": {name: run.get(name) for name in names}} for run in runs]
        )
    else:
        show(fields_table(names, [[run.get(name) for name in names] for run in runs]))


def _show_run(run: Run, *, as_csv: bool, as_json: bool) -> None:
    """Print the metrics of one run, and its problems.

    Print to stderr what its trainer, script or reader has warned about, and which files can't be read.
    """
    reader = RunReader(run)
    snapshot = reader.poll()
    summary = summarise(run)
    verdicts = [verdict_text(verdict, terminal_glyphs()) for verdict in snapshot.verdicts]
    if snapshot.damage is not None:
        print_warning(snapshot.damage)
    for warning in snapshot.warnings:
        print_warning(warning.message)
    if as_csv:
        write_csv(
            ["step", "time", *reader.metrics],
            ([step, time, *row] for step, time, row in rows(reader.metrics, reader.times)),
        )
    elif as_json:
        values = {name: metric_values(series) for name, series in reader.metrics.items()}
        write_json(msgspec.to_builtins(summary) | {"metrics": values, "verdicts": verdicts})
    else:
        summaries = [metric_summary(name, series) for name, series in reader.metrics.items()]
        show(*runs_tables([summary]), "", *([metrics_table(summaries)] if summaries else []))
        if verdicts:
            show("", *(Text(f"! {verdict}", ATTENTION) for verdict in verdicts))


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


def _size(runs: Sequence[Pruned]) -> str:
    return format_bytes(sum(run.bytes for run in runs))


def _count(runs: Sequence[object]) -> str:
    return "1 run" if len(runs) == 1 else f"{len(runs)} runs"
