"""Answer the UI's probes. A probe is a question about tensors, sent as an additional type of Jupyter message.

A probe isn't executed as code in the user's namespace, so nothing that the user defines or redefines can break the
answer. With ipykernel >= 7, a separate thread answers, even while a cell runs.
"""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.reshaping import TryReshape
from fashion_tui.schema.tensors import CloseGraph, ExpandGraph, ListTensors, OpenGraph, ReadTensor

from .protocol import PROBE_REPLY, PROBE_REQUEST

if TYPE_CHECKING:
    from fashion_tui.lab.inspect.inspector import Inspector

AnyProbe = ListTensors | ReadTensor | OpenGraph | ExpandGraph | CloseGraph | TryReshape


class ProbeHandler:
    """Replies to each `PROBE_REQUEST` with a `protocol.ProbeContent`."""

    def __init__(self, kernel: Any, is_ready: Callable[[], bool]) -> None:
        """Register with ipykernel's `kernel`.

        Until `is_ready` returns True, replies only say that the kernel isn't ready.
        """
        self._kernel = kernel
        self._is_ready = is_ready
        kernel.shell_handlers[PROBE_REQUEST] = self._handle

    @cached_property
    def _inspector(self) -> "Inspector":
        from fashion_tui.lab.inspect.inspector import Inspector  # noqa: PLC0415 -- imports torch

        shell = self._kernel.shell
        ipython_names = frozenset({"In", "Out", "exit", "quit", "get_ipython"})

        def hidden(name: str, value: object) -> bool:
            """Return whether to omit a variable. Like `%who`, omit private names and unchanged predefined variables."""
            predefined = shell.user_ns_hidden.get(name)
            return name.startswith("_") or name in ipython_names or (predefined is value and value is not None)

        return Inspector(shell.user_ns, hidden)

    def _handle(self, stream: Any, identity: Any, request: Any) -> None:
        content = self._answer(request["content"])
        self._kernel.session.send(stream, PROBE_REPLY, content, request, identity)

    def _answer(self, content: object) -> dict[str, object]:
        if not self._is_ready():
            return {"ready": False}
        try:
            return {"answer": msgspec.to_builtins(self._inspector.answer(msgspec.convert(content, AnyProbe)))}
        except UserError as error:
            return {"problem": str(error)}
        except Exception as error:  # noqa: BLE001 -- a broken tensor can raise anything
            return {"problem": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}
