"""`fashion-tui eval`."""

from pathlib import Path
from typing import get_args

import click
import msgspec
from rich.text import Text

from fashion_tui.cli.engine import engine_session
from fashion_tui.cli.evaluation_files import output_file
from fashion_tui.cli.options import (
    CommonOptions,
    checkpoint_option,
    common_options,
    json_option,
    run_argument,
    trust_option,
)
from fashion_tui.cli.output import note_synthetic, print_line, show, write_json
from fashion_tui.cli.run_data import read_run_dataset
from fashion_tui.report.baselines import baseline_lines, baselines_verdict
from fashion_tui.report.document.files import all_predictions, evaluation_document, worst_mistakes, write_report
from fashion_tui.report.evaluation import evaluation_report
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.robustness import robustness_lines
from fashion_tui.runs.store import open_run
from fashion_tui.schema.baselines import Baselines
from fashion_tui.schema.evaluation import Evaluation, EvaluationSplit, PredictionPage, PredictionsFile
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
  fashion-tui eval latest --report report.html --baselines
  fashion-tui eval latest --predictions predictions.csv
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
    help="Also evaluate up to 10,000 images under noise, shift, rotation and blur, each at five strengths.",
)
@click.option(
    "--report",
    "report_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also write a report with the worst mistakes as images: FILE.html, or FILE.md and the folder FILE-images. It "
    "includes the results of --baselines and --robustness.",
)
@click.option(
    "--predictions",
    "predictions_path",
    type=click.Path(path_type=Path),
    metavar="FILE.csv",
    help="Also write the true class, the prediction, the loss and all probabilities of each image as CSV. For a "
    "folder of images, the path of each file is included.",
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
    report_path: Path | None,
    predictions_path: Path | None,
    trusted: bool,
    as_json: bool,
    common: CommonOptions,
) -> None:
    """Evaluate a run on the test set or on its held-out images.

    Print accuracy, loss, calibration error, the metrics of each class and the confusion matrix.

    RUN is an id such as 20261123-143012-guide-a1b2, the id without its time, a unique prefix of either, a path, or
    latest.
    """
    report_file = output_file(report_path, "--report", ".html", ".md")
    predictions_file = output_file(predictions_path, "--predictions", ".csv")
    with open_run(common.runs_directory, name) as run:
        path = str(run.path)
        if trusted:
            run.trust_model()
        read_run_dataset(run.config, common)
    evaluate = Evaluate(run_path=path, checkpoint=checkpoint, split=split)
    baselines = robustness = None
    with engine_session() as engine:
        evaluation = engine.ask(evaluate, Evaluation, "evaluating")
        if with_baselines:
            baselines = engine.ask(GetBaselines(run_path=path, split=split), Baselines, "fitting simple models")
        if with_robustness:
            request = MeasureRobustness(run_path=path, checkpoint=checkpoint, split=split)
            robustness = engine.ask(request, Robustness, "evaluating corrupted images")
        if predictions_file is not None:
            engine.ask(all_predictions(evaluate, predictions_file), PredictionsFile, "writing predictions")
            print_line(f"Wrote {predictions_file}", err=True)
        if report_file is not None:
            mistakes = engine.ask(worst_mistakes(evaluate), PredictionPage, "collecting mistakes")
            write_report(evaluation_document(Path(path), evaluation, mistakes, baselines, robustness), report_file)
            print_line(f"Wrote {report_file}", err=True)
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
