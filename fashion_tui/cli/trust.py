"""`--trust`: a run's own network, whose code comes from elsewhere, may be executed."""

from pathlib import Path
from typing import Any

import click

from fashion_tui.runs.source import read_model
from fashion_tui.runs.store import load_config
from fashion_tui.runs.trust import trust


def trust_option(command: Any) -> Any:
    """Adds `--trust` as the argument `trusted`."""
    return click.option(
        "--trust",
        "trusted",
        is_flag=True,
        help="Run the network's code although it comes from elsewhere; from now on too. Read the run's model.py first.",
    )(command)


def note_trust(run_path: Path, *, trusted: bool) -> None:
    """Where `--trust` was given, the run's network may be executed."""
    if trusted and (stored := read_model(run_path, load_config(run_path))) is not None:
        trust(stored)
