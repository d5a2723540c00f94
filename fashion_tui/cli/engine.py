"""Send a request to an engine, a separate process that runs torch."""

import asyncio
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

from fashion_tui.engine.client import Engine
from fashion_tui.schema.requests import Request

from .output import progress_bar

Result = TypeVar("Result")


def ask_engine(request: Request, result_type: type[Result], description: str) -> Result:
    """Send a request to a new engine and return the result. If stderr is a terminal, show a progress bar there."""
    return asyncio.run(_ask(request, result_type, description))


async def _ask(request: Request, result_type: type[Result], description: str) -> Result:
    engine = Engine()
    try:
        with progress_bar(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()) as bar:
            task = bar.add_task(description, total=None)
            return await engine.ask(
                request, result_type, lambda done, total: bar.update(task, completed=done, total=total)
            )
    finally:
        await engine.close()
