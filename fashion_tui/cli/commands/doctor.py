"""`fashion-tui doctor`."""

import click
from rich.table import Table
from rich.text import Text

from fashion_tui.cli.ask import ask_engine
from fashion_tui.cli.checks import check_kernel, check_logout, check_runs, check_terminal, check_versions
from fashion_tui.cli.output import json_option, show, write_json
from fashion_tui.cli.place import Place, place_options
from fashion_tui.cli.status import DONE, FAILED
from fashion_tui.data.checks import check_data
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import BAD, GOOD
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.replies import Check
from fashion_tui.schema.requests import GetTorchReport

NECESSARY = frozenset({"torch", "runs"})
"""Checks without which nothing can be trained: where one fails, the command does."""


@click.command(
    "doctor",
    epilog="""\b
Examples:
  fashion-tui doctor
  fashion-tui doctor --json | jq '.checks[] | select(.ok | not)'""",
)
@json_option
@place_options
def doctor_command(*, as_json: bool, place: Place) -> int:
    """What works on this machine, and what to do about what doesn't.

    Exits 1 where nothing could be trained here: torch doesn't work, or runs can't be written.
    """
    checks = (
        check_versions(),
        *_torch(),
        check_data(place.data),
        check_runs(place.runs_directory),
        check_logout(),
        check_kernel(),
        check_terminal(),
    )
    if as_json:
        write_json({"checks": checks})
    else:
        show(_table(checks))
    return FAILED if any(not check.ok and check.name in NECESSARY for check in checks) else DONE


def _torch() -> tuple[Check, ...]:
    try:
        return ask_engine(GetTorchReport(), tuple[Check, ...], "asking torch")
    except UserError as error:
        return (Check(name="torch", ok=False, detail=str(error)),)


def _table(checks: tuple[Check, ...]) -> Table:
    glyphs = terminal_glyphs()
    table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    for check in checks:
        mark = Text(glyphs.good, GOOD) if check.ok else Text(glyphs.bad, BAD)
        table.add_row(mark, Text(check.name), Text(check.detail))
    return table
