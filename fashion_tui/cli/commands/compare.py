"""`fashion-tui compare`."""

from contextlib import ExitStack

import click
import msgspec
from rich.text import Text

from fashion_tui.cli.engine import ask_engine
from fashion_tui.cli.options import CommonOptions, common_options, json_option
from fashion_tui.cli.output import print_warning, show, write_json
from fashion_tui.cli.run_data import read_run_dataset
from fashion_tui.cli.values import RunName
from fashion_tui.report.comparison import comparison_tables, first_difference_lines, prediction_lines
from fashion_tui.runs.compare import check_comparable, common_steps, compare_runs, first_different_loss
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import open_run
from fashion_tui.schema.comparison import FirstDifference, PredictionComparison, RunComparison, StepComparison
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.floats import encode_float
from fashion_tui.schema.requests import CompareRuns, CompareStep


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
    """Compare the settings, metrics and predictions of runs.

    For two runs with the same data set, McNemar's exact test checks whether the difference between their test
    accuracies may be due to chance. It uses the final checkpoints.

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
        result: dict[str, object] = msgspec.to_builtins(comparison)
        lines: list[Text] = []
        if len(runs) == 2:
            predictions = _compare_predictions(runs[0], runs[1], common)
            result |= _predictions_json(predictions)
            if isinstance(predictions, str):
                lines += [Text(), Text(f"the predictions can't be compared: {predictions}")]
            else:
                lines += [Text(), *prediction_lines(comparison.runs, predictions)]
        if by_step:
            first = _first_difference(readers[0], readers[1], comparison)
            compared = common_steps(readers[0], readers[1])
            result |= {"common_steps": compared, "first_difference": first}
            lines += [Text(), *map(Text, first_difference_lines(first, compared))]
    if as_json:
        write_json(result)
    else:
        show(*comparison_tables(comparison), *lines)


def _compare_predictions(first: Run, second: Run, common: CommonOptions) -> PredictionComparison | str:
    """Compare the predictions of two runs. If this is impossible, return a sentence that says why."""
    try:
        check_comparable(first, second)
        read_run_dataset(first.config, common)
        request = CompareRuns(run_path=str(first.path), other_path=str(second.path))
        return ask_engine(request, PredictionComparison, "evaluating")
    except UserError as error:
        return str(error)


def _predictions_json(predictions: PredictionComparison | str) -> dict[str, object]:
    if isinstance(predictions, str):
        return {"mcnemar": None, "predictions": None, "not_compared": predictions}
    fields: dict[str, object] = msgspec.to_builtins(predictions)
    return {"mcnemar": fields.pop("mcnemar"), "predictions": fields, "not_compared": None}


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
