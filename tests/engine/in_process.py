"""An engine in the process of a test, which answers at once, because nothing has to start."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch

from fashion_tui.engine.server.cache import Cache
from fashion_tui.engine.server.connection import CallContext
from fashion_tui.engine.server.serve import HANDLERS
from fashion_tui.schema.requests import Request


@contextmanager
def restored_settings() -> Iterator[None]:
    """Restore the settings of torch that a `Verify` request or a worker of the benchmark changes."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(mode=False)


class UninterruptedCall(CallContext):
    """The context of a call that is never cancelled."""

    def __init__(self) -> None:
        pass

    def progress(self, done: int, total: int, so_far: object = None) -> None:
        pass

    def cancelled(self) -> bool:
        return False

    def interruptible(self, _time_limit: float | None = None) -> AbstractContextManager[None]:
        return nullcontext()


class EngineInProcess:
    """Replaces `engine.client.Engine`: calls the handler of each request."""

    _cache = Cache()

    async def ask(self, request: Request, _type: Any, _progress: Callable[[int, int], None] | None = None) -> Any:
        return HANDLERS[type(request)](request, UninterruptedCall(), self._cache)

    async def close(self) -> None:
        pass
