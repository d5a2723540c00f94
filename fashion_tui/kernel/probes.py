"""Answer the UI's probes. A probe is a question about variables, sent as an additional type of Jupyter message.

Probes don't execute code in the user's namespace, so the user's definitions can't break the answers. With ipykernel
>= 7, a separate thread answers probes even while a cell is running.
"""

from collections.abc import Callable
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any

import msgspec

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.kernel import ListVariables
from fashion_tui.schema.reshaping import TryReshape
from fashion_tui.schema.tensors import CloseGraph, ExpandGraph, ListTensors, OpenGraph, ReadTensor

from .protocol import PROBE_REPLY, PROBE_REQUEST

if TYPE_CHECKING:
    from fashion_tui.lab.inspect.inspector import Inspector

AnyProbe = ListVariables | ListTensors | ReadTensor | OpenGraph | ExpandGraph | CloseGraph | TryReshape


IPYTHON_NAMES = frozenset({"In", "Out", "exit", "quit", "get_ipython"})


class ProbeHandler:
    """Replies to each `PROBE_REQUEST` with a `protocol.ProbeContent`."""

    def __init__(self, kernel: Any, is_ready: Callable[[], bool]) -> None:
        """Register the handler of `PROBE_REQUEST` with ipykernel's `kernel`.

        Until `is_ready` returns True, the reply to a probe about tensors only states that the kernel isn't ready.
        """
        self._kernel = kernel
        self._is_ready = is_ready
        kernel.shell_handlers[PROBE_REQUEST] = self._handle

    @cached_property
    def _inspector(self) -> "Inspector":
        from fashion_tui.lab.inspect.inspector import Inspector  # noqa: PLC0415 -- imports torch

        return Inspector(self._kernel.shell.user_ns, self._is_hidden)

    def _is_hidden(self, name: str, value: object) -> bool:
        """Return whether to omit a variable. Like `%who`, omit private names and unchanged predefined variables."""
        predefined = self._kernel.shell.user_ns_hidden.get(name)
        return name.startswith("_") or name in IPYTHON_NAMES or (predefined is value and value is not None)

    def _variables(self) -> tuple[str, ...]:
        variables = list(self._kernel.shell.user_ns.items())
        return tuple(
            name
            for name, value in variables
            if isinstance(name, str)
            and name.isidentifier()
            and not issubclass(type(value), ModuleType)
            and not self._is_hidden(name, value)
        )

    def _handle(self, stream: Any, identity: Any, request: Any) -> None:
        content = self._answer(request["content"])
        self._kernel.session.send(stream, PROBE_REPLY, content, request, identity)

    def _answer(self, content: object) -> dict[str, object]:
        try:
            probe = msgspec.convert(content, AnyProbe)
            if isinstance(probe, ListVariables):
                return {"answer": self._variables()}
            if not self._is_ready():
                return {"ready": False}
            return {"answer": msgspec.to_builtins(self._inspector.answer(probe))}
        except UserError as error:
            return {"problem": str(error)}
        except Exception as error:  # noqa: BLE001 -- a broken tensor can raise anything
            return {"problem": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}
