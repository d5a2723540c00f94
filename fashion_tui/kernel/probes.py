"""The kernel's side of what the Playground asks about tensors: a message of our own beside Jupyter's.

It is no code that is run: whatever a person defines, or breaks, the answer is made by us. It comes from a thread of its
own where the kernel has one for requests (ipykernel >= 7), so also while a cell runs.
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
    """Answers each request with a reply that `wire.ProbeContent` describes."""

    def __init__(self, kernel: Any, is_ready: Callable[[], bool]) -> None:
        """Registers with ipykernel's `kernel`. `is_ready` says whether torch is there; this never waits for it."""
        self._kernel = kernel
        self._is_ready = is_ready
        kernel.shell_handlers[PROBE_REQUEST] = self._handle

    @cached_property
    def _inspector(self) -> "Inspector":
        from fashion_tui.lab.inspect.inspector import Inspector  # noqa: PLC0415 -- imports torch

        shell = self._kernel.shell
        not_theirs = frozenset({"In", "Out", "exit", "quit", "get_ipython"})

        def hidden(name: str, value: object) -> bool:
            """As IPython's `%who` does: not what stood there before the person came, while it is the same."""
            given = shell.user_ns_hidden.get(name)
            return name.startswith("_") or name in not_theirs or (given is value and value is not None)

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
        except Exception as error:  # noqa: BLE001 -- whatever a broken tensor raises
            return {"problem": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}
