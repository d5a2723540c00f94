"""Computations in the engine. A pane starts them, shows their progress, and can cancel them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from textual.message import Message

from fashion_tui.schema.errors import UntrustedSource, UserError
from fashion_tui.schema.requests import Request
from fashion_tui.tui.dialogs.trust import NOT_TRUSTED
from fashion_tui.tui.pane import Pane

if TYPE_CHECKING:
    from fashion_tui.engine.client import Engine

Asked = TypeVar("Asked", bound=Request)
Result = TypeVar("Result")


class Computation(Generic[Asked, Result]):
    """Sends one kind of request to the engine, one request at a time, and posts messages about it to a pane."""

    @dataclass
    class Progress(Message):
        computation: "Computation[Any, Any]"
        done: int
        total: int

    @dataclass
    class Done(Message):
        computation: "Computation[Any, Any]"
        request: Request
        result: Any

    @dataclass
    class Failed(Message):
        computation: "Computation[Any, Any]"
        request: Request
        problem: str
        """A one-line message."""
        untrusted: bool = False
        """Whether the run has a custom model whose code the user hasn't trusted yet."""

    def __init__(self, pane: Pane, result_type: type[Result], *, own_engine: bool = False) -> None:
        """If `own_engine` is True, each request runs in a separate engine and doesn't block the app's engine."""
        self._pane = pane
        self._result_type = result_type
        self._own_engine = own_engine
        self._running: Asked | None = None

    @property
    def running(self) -> Asked | None:
        """The request that is being answered, or None."""
        return self._running

    def start(self, request: Asked) -> None:
        """Send a request. If another one is being answered, cancel it."""
        self._running = request
        self._pane.start_worker(self._ask, self._group, exclusive=True)

    def cancel(self) -> None:
        self._running = None
        self._pane.workers.cancel_group(self._pane, self._group)

    @property
    def _group(self) -> str:
        return f"compute {self._result_type.__name__}"

    async def _ask(self) -> None:
        request = self._running
        if request is None:
            return
        try:
            result = await self._result_of(request)
        except UntrustedSource:
            self._end(self.Failed(self, request, NOT_TRUSTED, untrusted=True))
        except UserError as error:
            self._end(self.Failed(self, request, str(error)))
        else:
            self._end(self.Done(self, request, result))

    async def _result_of(self, request: Asked) -> Result:
        if not self._own_engine:
            return await self._ask_engine(self._pane.lab_app.engine, request)
        engine = self._pane.lab_app.new_engine()
        try:
            return await self._ask_engine(engine, request)
        finally:
            await engine.close()

    async def _ask_engine(self, engine: "Engine", request: Asked) -> Result:
        return await engine.ask(request, self._result_type, self._progress)

    def _progress(self, done: int, total: int) -> None:
        if self._running is not None:
            self._pane.post_message(self.Progress(self, done, total))

    def _end(self, message: Message) -> None:
        self._running = None
        self._pane.post_message(message)
