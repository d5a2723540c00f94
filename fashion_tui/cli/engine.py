"""Send a request to an engine, a separate process that runs torch."""

import asyncio
from collections.abc import Sequence
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

from fashion_tui.engine.client import Engine
from fashion_tui.schema.requests import Request

from .output import progress_bar

Result = TypeVar("Result")


def ask_engine(request: Request, result_type: type[Result], description: str) -> Result:
    """Send a request to a new engine and return the result. If stderr is a terminal, show a progress bar there."""
    return asyncio.run(_ask([(request, result_type)], description))[0]


def ask_engine_for_each(requests: Sequence[Request], result_type: type[Result], description: str) -> list[Result]:
    """Start an engine, send it several requests and return the results."""
    return asyncio.run(_ask([(request, result_type) for request in requests], description))


async def _ask(questions: Sequence[tuple[Request, type[Result]]], description: str) -> list[Result]:
    engine = Engine()
    try:
        with progress_bar(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()) as bar:
            task = bar.add_task(description, total=None)

            def show_progress(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)

            return [await engine.ask(request, result_type, show_progress) for request, result_type in questions]
    finally:
        await engine.close()
