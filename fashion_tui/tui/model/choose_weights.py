"""Let the user choose the run that provides the weights of a network."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text
from textual.app import App

from fashion_tui.report.style import FOREGROUND
from fashion_tui.schema.run import RunSummary
from fashion_tui.tui.dialogs.choice import Choice
from fashion_tui.tui.dialogs.trust import NOT_TRUSTED, confirm_trust
from fashion_tui.tui.run_choice import choose_run

from .network import ShownNetwork, network_of_run

INITIAL_WEIGHTS = "initial"


async def choose_weights(app: App[None], runs: Sequence[RunSummary], current: ShownNetwork) -> ShownNetwork | None:
    """Let the user choose a run, or initial weights. Return the network with these weights, or None if none is chosen.

    Call this from a worker. Raises UserError if the run can't be read.
    """
    initial = [Choice(INITIAL_WEIGHTS, Text("  initial weights", FOREGROUND))] if current.run is not None else []
    key = await choose_run(app, runs, "Load weights of run", current.run, initial)
    if key is None:
        return None
    if key == INITIAL_WEIGHTS:
        return ShownNetwork(current.name, current.model)
    if not await confirm_trust(app, Path(key)):
        app.notify(NOT_TRUSTED)
        return None
    return await asyncio.to_thread(network_of_run, Path(key))
