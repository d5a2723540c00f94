"""`fashion-tui compare`."""

from contextlib import ExitStack

import click
import msgspec

from fashion_tui.cli.engine import ask_engine
from fashion_tui.cli.options import CommonOptions, common_options, json_option
from fashion_tui.cli.output import print_line, print_warning, show, write_json
from fashion_tui.cli.values import RunName
from fashion_tui.report.comparison import comparison_tables, first_difference_lines
from fashion_tui.runs.compare import common_steps, compare_runs, first_different_loss
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.store import open_run
from fashion_tui.schema.comparison import FirstDifference, RunComparison, StepComparison
from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.floats import encode_float
from fashion_tui.schema.requests import CompareStep


@click.command(
    "compare",
    epilog="""\b
Examples:
  fashion-tui compare guide-a1b2 guide-c3d4
  fashion-tui compare guide-a1b2 guide-c3d4 --steps
  fashion-tui compare guide-a1b2 quick-e5f6 --json | jq .differences
\b
--steps finds the first step whose losses differ. It also shows whether the settings, the batch
of this step, and the weights at the last common checkpoint before it are the same. With --json,
first_difference is null if no losses differ, and common_steps is the number of compared steps.""",
)
@click.argument("names", metavar="RUN RUN...", type=RunName(), nargs=-1, required=True)
@click.option(
    "--steps", "by_step", is_flag=True, help="Find the first step whose losses differ, and compare its inputs."
)
@json_option
@common_options
def compare_command(names: tuple[str, ...], *, by_step: bool, as_json: bool, common: CommonOptions) -> None:
    """Compare the settings and metrics of runs.

    RUN is an id such as 20261123-143012-guide-a1b2, the id without its time, a unique prefix of either, a path, or
    latest.
    """
    if len(names) < 2:
        raise UsageError("compare needs two or more runs")
    if by_step and len(names) > 2:
        raise UsageError(f"--steps compares two runs, but {len(names)} are given")
    with ExitStack() as stack:
        runs = [stack.enter_context(open_run(common.runs_directory, name)) for name in names]
        readers = [RunReader(run) for run in runs]
        for reader in readers:
            if (damage := reader.poll().damage) is not None:
                print_warning(f"{reader.run.id}: {damage}")
        comparison = compare_runs(readers)
        if not by_step:
            _print(comparison, as_json=as_json)
            return
        first = _first_difference(readers[0], readers[1], comparison)
        compared = common_steps(readers[0], readers[1])
        if as_json:
            write_json(msgspec.to_builtins(comparison) | {"common_steps": compared, "first_difference": first})
        else:
            _print(comparison, as_json=False)
            print_line("")
            for line in first_difference_lines(first, compared):
                print_line(line)


def _print(comparison: RunComparison, *, as_json: bool) -> None:
    if as_json:
        write_json(comparison)
    else:
        show(*comparison_tables(comparison))


def _first_difference(first: RunReader, second: RunReader, comparison: RunComparison) -> FirstDifference | None:
    found = first_different_loss(first, second)
    if found is None:
        return None
    step, *losses = found
    request = CompareStep(run_path=str(first.run.path), other_path=str(second.run.path), step=step)
    inputs = ask_engine(request, StepComparison, "comparing")
    return FirstDifference(
        step=step,
        losses=(encode_float(losses[0]), encode_float(losses[1])),
        configuration=tuple(comparison.differences),
        batch=inputs.batch,
        weights=inputs.weights,
        weights_step=inputs.weights_step,
    )
