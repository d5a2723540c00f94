"""`fashion-tui verify`."""

import click

from fashion_tui.cli.engine import ask_engine
from fashion_tui.cli.options import CommonOptions, common_options, json_option, run_argument, trust_option
from fashion_tui.cli.output import print_line, write_json
from fashion_tui.cli.run_data import read_run_dataset
from fashion_tui.runs.store import open_run, summarise
from fashion_tui.schema.requests import Verify
from fashion_tui.schema.verification import Verification


@click.command(
    "verify",
    epilog="""\b
Examples:
  fashion-tui verify latest
  fashion-tui verify latest --steps 200
  fashion-tui verify latest --json | jq .identical
\b
Training is repeated from the newest checkpoint with at least that many steps after it, or from
the beginning if there is none or the run has fewer steps. Each loss is compared with the log, and
the weights with each checkpoint among the repeated steps. On a GPU, only runs trained with
--deterministic can be repeated bit for bit.""",
)
@run_argument
@click.option("--steps", type=click.IntRange(min=1), default=20, show_default=True, help="Number of steps to repeat.")
@trust_option
@json_option
@common_options
@click.pass_context
def verify_command(  # noqa: PLR0913
    context: click.Context, name: str, *, steps: int, trusted: bool, as_json: bool, common: CommonOptions
) -> None:
    """Repeat steps of a run and compare the results bit for bit.

    The exit status is 1 if a loss or a weight differs.

    RUN is an id such as 20261123-143012-guide-a1b2, the id without its time, a unique prefix of either, a path, or
    latest.
    """
    with open_run(common.runs_directory, name) as run:
        path = run.path
        if trusted:
            run.trust_model()
        read_run_dataset(run.config, common)
        summary = summarise(run)
        if summary.kind == "trained" and 0 < summary.step < steps:
            print_line(f"{run.id} has {summary.step:,} steps; repeating all of them", err=True)
    result = ask_engine(Verify(run_path=str(path), steps=steps), Verification, "repeating")
    if as_json:
        write_json(result)
    else:
        for line in _lines(result):
            print_line(line)
    context.exit(0 if result.identical else 1)


def _lines(result: Verification) -> list[str]:
    """Return lines with the result, the machine on which the steps were repeated, and what has changed since."""
    last = result.from_step + result.steps
    steps = f"step {last:,}" if result.steps == 1 else f"steps {result.from_step + 1:,} to {last:,}"
    if result.first_difference is None:
        weights = ", ".join(f"{step:,}" for step in result.checkpoints)
        lines = [
            f"{steps} of {result.run} are bit-identical",
            *([f"the weights after step {weights} are, too"] if weights else []),
        ]
    else:
        first = result.first_difference
        values = f"was {first.run}, but is {first.again} when repeated"
        lines = [f"step {first.step:,} of {result.run} differs: {first.what} {values}"]
    versions = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    threads = f", {result.threads} thread{'' if result.threads == 1 else 's'}" if result.device == "cpu" else ""
    return [
        *lines,
        f"repeated on {result.device} ({result.device_name}{threads}) of {result.host}, with {versions}",
        *(f"since the run was created: {change}" for change in result.changed),
    ]
