"""Answers what the Playground asks about a namespace."""

from collections.abc import Callable, Mapping

import torch

from fashion_tui.schema.kernel import Probe
from fashion_tui.schema.reshaping import ReshapeResult, TryReshape
from fashion_tui.schema.tensors import (
    CloseGraph,
    ExpandGraph,
    Graph,
    ListTensors,
    OpenGraph,
    ReadTensor,
    TensorList,
    TensorValues,
)

from .graph import LiveGraph
from .reshaping import try_reshape
from .rows import list_tensors, look_inside

Answer = TensorList | TensorValues | Graph | ReshapeResult | None


class Inspector:
    """Keeps one graph open at most."""

    def __init__(self, namespace: Mapping[str, object], hidden: Callable[[str, object], bool]) -> None:
        """`hidden` says which names, with their values, aren't the person's own and needn't be listed."""
        self._namespace = namespace
        self._hidden = hidden
        self._graph: LiveGraph | None = None

    def answer(self, probe: Probe) -> Answer:
        """As the probe's docstring says; UserError where what it asks for isn't there."""
        # Of a subclass of a person's the methods aren't called: they may do anything.
        with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():  # noqa: SLF001 -- its only name
            match probe:
                case ListTensors():
                    return list_tensors(self._namespace, self._hidden)
                case ReadTensor():
                    return look_inside(self._namespace, probe)
                case OpenGraph(name=name):
                    return self._open(name)
                case ExpandGraph(node=node):
                    return None if self._graph is None else self._graph.unfolded(self._namespace, node)
                case TryReshape():
                    return try_reshape(probe)
                case CloseGraph():
                    self._graph = None
        return None

    def _open(self, name: str) -> Graph:
        if self._graph is not None and self._graph.is_behind(self._namespace, name):
            return self._graph.again(self._namespace)
        self._graph = None
        self._graph = LiveGraph(self._namespace, name)
        return self._graph.opened(self._namespace)
