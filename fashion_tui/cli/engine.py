"""Send requests to an engine, a separate process that runs torch."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

from fashion_tui.engine.client import Engine
from fashion_tui.schema.requests import Request

from .output import progress_bar

Result = TypeVar("Result")


class EngineSession:
    """Sends requests to one engine, one after the other."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._engine = Engine()

    def ask(self, request: Request, result_type: type[Result], description: str) -> Result:
        """Send a request and return the result. If stderr is a terminal, show a progress bar there."""
        return self._runner.run(self._ask(request, result_type, description))

    def close(self) -> None:
        self._runner.run(self._engine.close())

    async def _ask(self, request: Request, result_type: type[Result], description: str) -> Result:
        with progress_bar(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()) as bar:
            task = bar.add_task(description, total=None)

            def show_progress(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)

            return await self._engine.ask(request, result_type, show_progress)


@contextmanager
def engine_session() -> Iterator[EngineSession]:
    """Yield a session with a new engine, which is ended on exit."""
    with asyncio.Runner() as runner:
        session = EngineSession(runner)
        try:
            yield session
        finally:
            session.close()


def ask_engine(request: Request, result_type: type[Result], description: str) -> Result:
    """Send a request to a new engine and return the result. If stderr is a terminal, show a progress bar there."""
    with engine_session() as session:
        return session.ask(request, result_type, description)


def ask_engine_for_each(requests: Sequence[Request], result_type: type[Result], description: str) -> list[Result]:
    """Start an engine, send it several requests and return the results."""
    with engine_session() as session:
        return [session.ask(request, result_type, description) for request in requests]
