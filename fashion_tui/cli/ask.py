"""One question to an engine of the command's own."""

import asyncio
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from fashion_tui.engine.client import Engine
from fashion_tui.schema.requests import Request

from .output import diagnostics

Result = TypeVar("Result")


def ask_engine(request: Request, result_type: type[Result], what: str) -> Result:
    """The engine's answer; meanwhile a line on stderr, where that is a terminal, says `what` is being done."""
    return asyncio.run(_ask(request, result_type, what))


async def _ask(request: Request, result_type: type[Result], what: str) -> Result:
    engine = Engine()
    console = diagnostics()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    try:
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task(what, total=None)
            return await engine.ask(
                request, result_type, lambda done, total: bar.update(task, completed=done, total=total)
            )
    finally:
        await engine.close()
