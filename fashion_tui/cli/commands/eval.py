"""`fashion-tui eval`."""

from typing import get_args

import click
import msgspec
from rich.text import Text

from fashion_tui.cli.engine import engine_session
from fashion_tui.cli.options import (
    CommonOptions,
    checkpoint_option,
    common_options,
    json_option,
    run_argument,
    trust_option,
)
from fashion_tui.cli.output import note_synthetic, show, write_json
from fashion_tui.report.baselines import baseline_lines, baselines_verdict
from fashion_tui.report.evaluation import evaluation_report
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.robustness import robustness_lines
from fashion_tui.runs.store import open_run
from fashion_tui.schema.baselines import Baselines
from fashion_tui.schema.evaluation import Evaluation, EvaluationSplit
from fashion_tui.schema.requests import Evaluate, GetBaselines, MeasureRobustness
from fashion_tui.schema.robustness import Robustness


@click.command(
    "eval",
    epilog="""\b
Examples:
  fashion-tui eval latest
  fashion-tui eval 20261123-1430 --checkpoint best
  fashion-tui eval latest --baselines --robustness
  fashion-tui eval latest --split validation
  fashion-tui eval latest --json | jq .accuracy""",
)
@run_argument
@checkpoint_option
@click.option(
    "--split",
    type=click.Choice(get_args(EvaluationSplit)),
    default="test",
    show_default=True,
    help="Images to evaluate; validation requires a run trained with --validation.",
)
@click.option(
    "--baselines",
    "with_baselines",
    is_flag=True,
    help="Also evaluate three simple models on the pixels: the majority class, a linear model and 5-nearest "
    "neighbours. They are fitted once for each data set.",
)
@click.option(
    "--robustness",
    "with_robustness",
    is_flag=True,
    help="Also evaluate up to 10,000 images with noise, shifted, rotated and blurred, each at five strengths.",
)
@trust_option
@json_option
@common_options
def eval_command(  # noqa: PLR0913
    name: str,
    checkpoint: str,
    split: EvaluationSplit,
    *,
    with_baselines: bool,
    with_robustness: bool,
    trusted: bool,
    as_json: bool,
    common: CommonOptions,
) -> None:
    """Evaluate a run on the test set or on its held-out images.

    Print accuracy, loss, calibration error, the metrics of each class and the confusion matrix.

    RUN is an id such as 20261123-143012-guide-a1b2, the id without its time, a unique prefix of either, a path, or
    latest.
    """
    with open_run(common.runs_directory, name) as run:
        path = str(run.path)
        if trusted:
            run.trust_model()
    baselines = robustness = None
    with engine_session() as engine:
        evaluation = engine.ask(Evaluate(run_path=path, checkpoint=checkpoint, split=split), Evaluation, "evaluating")
        if with_baselines:
            baselines = engine.ask(GetBaselines(run_path=path, split=split), Baselines, "fitting simple models")
        if with_robustness:
            request = MeasureRobustness(run_path=path, checkpoint=checkpoint, split=split)
            robustness = engine.ask(request, Robustness, "evaluating corrupted images")
    if as_json:
        note_synthetic(evaluation.dataset)
        write_json(_json(evaluation, baselines, robustness))
        return
    show(evaluation_report(evaluation))
    if baselines is not None:
        show(Text(), *baseline_lines(evaluation, baselines))
    if robustness is not None:
        show(Text(), *robustness_lines(robustness, terminal_glyphs()))


def _json(evaluation: Evaluation, baselines: Baselines | None, robustness: Robustness | None) -> dict[str, object]:
    result: dict[str, object] = msgspec.to_builtins(evaluation)
    if baselines is not None:
        result["baselines"] = msgspec.to_builtins(baselines) | {"verdict": baselines_verdict(evaluation, baselines)}
    if robustness is not None:
        result["robustness"] = msgspec.to_builtins(robustness)
    return result
