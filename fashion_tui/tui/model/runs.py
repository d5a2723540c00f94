"""Runs whose weights can be shown."""

from pathlib import Path

from fashion_tui.runs.store import load_config
from fashion_tui.schema.requests import NamedNetwork

from .subject import Subject


def subject_of_run(path: Path) -> Subject:
    """The network of the run, with what it has learned. Reads files: for a thread. UserError where they are damaged."""
    config = load_config(path)
    return Subject(config.recipe.model, NamedNetwork(model=config.recipe.model), run=path)
