"""`fashion-tui eval`."""

import click

from fashion_tui.cli.engine import ask_engine
from fashion_tui.cli.options import (
    CommonOptions,
    checkpoint_option,
    common_options,
    json_option,
    run_argument,
    trust_option,
)
from fashion_tui.cli.output import note_synthetic, show, write_json
from fashion_tui.report.evaluation import evaluation_report
from fashion_tui.runs.store import open_run
from fashion_tui.schema.evaluation import Evaluation
from fashion_tui.schema.requests import Evaluate


@click.command(
    "eval",
    epilog="""\b
Examples:
  fashion-tui eval latest
  fashion-tui eval 20261123-1430 --checkpoint best
  fashion-tui eval latest --json | jq .accuracy""",
)
@run_argument
@checkpoint_option
@trust_option
@json_option
@common_options
def eval_command(name: str, checkpoint: str, *, trusted: bool, as_json: bool, common: CommonOptions) -> None:
    """Evaluate a run on the test set.

    Print accuracy, loss, calibration error, the metrics of each class and the confusion matrix.

    RUN is an id such as 20261123-143012-guide-a1b2, the id without its time, a unique prefix of either, a path, or
    latest.
    """
    with open_run(common.runs_directory, name) as run:
        path = run.path
        if trusted:
            run.trust_model()
    evaluation = ask_engine(Evaluate(run_path=str(path), checkpoint=checkpoint), Evaluation, "evaluating")
    if as_json:
        note_synthetic(evaluation.dataset)
        write_json(evaluation)
    else:
        show(evaluation_report(evaluation))
