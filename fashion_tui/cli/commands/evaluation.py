"""`fashion-tui eval`."""

import click

from fashion_tui.cli.ask import ask_engine
from fashion_tui.cli.output import json_option, note_synthetic, show, write_json
from fashion_tui.cli.place import Place, place_options
from fashion_tui.cli.trust import note_trust, trust_option
from fashion_tui.report.evaluation import evaluation_report
from fashion_tui.runs.store import find_run
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
@click.argument("run")
@click.option(
    "--checkpoint",
    default="final",
    metavar="final|best|STEP",
    show_default=True,
    help="Which weights. best is there only where a validation share was held out.",
)
@trust_option
@json_option
@place_options
def eval_command(run: str, checkpoint: str, *, trusted: bool, as_json: bool, place: Place) -> None:
    """What a run's network makes of the test set.

    RUN is an id, a unique prefix of one, a path, or latest.
    """
    path = find_run(place.runs_directory, run)
    note_trust(path, trusted=trusted)
    evaluation = ask_engine(Evaluate(run_path=str(path), checkpoint=checkpoint), Evaluation, "evaluating")
    if as_json:
        note_synthetic(evaluation.dataset)
        write_json(evaluation)
    else:
        show(evaluation_report(evaluation))
