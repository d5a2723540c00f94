"""Answer the Playground's probes, which are requests about the tensors in a namespace."""

from collections.abc import Mapping

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
from .namespace import Predicate
from .reshaping import try_reshape
from .tensors import ListedTensors, list_tensors, read_tensor

ProbeReply = TensorList | TensorValues | Graph | ReshapeResult | None


class Inspector:
    """Answers probes about a namespace. At most one autograd graph is open at a time."""

    def __init__(self, namespace: Mapping[str, object], is_hidden: Predicate) -> None:
        """`is_hidden` returns True for variables to omit from the list of tensors."""
        self._namespace = namespace
        self._is_hidden = is_hidden
        self._listed = ListedTensors()
        self._graph: LiveGraph | None = None

    def answer(self, probe: Probe) -> ProbeReply:
        """Return the reply to a probe. The docstring of each probe class describes the reply.

        Raises UserError if the requested tensor doesn't exist.
        """
        # Don't call methods of the user's subclasses, because they could have side effects.
        with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():  # noqa: SLF001 -- has no public name
            match probe:
                case ListTensors():
                    return list_tensors(self._namespace, self._is_hidden, self._listed)
                case ReadTensor():
                    return read_tensor(self._namespace, probe)
                case OpenGraph(name=name):
                    return self._open(name)
                case ExpandGraph(node=node):
                    return None if self._graph is None else self._graph.expand(self._namespace, node)
                case TryReshape():
                    return try_reshape(probe)
                case CloseGraph():
                    self._graph = None
        return None

    def _open(self, name: str) -> Graph:
        if self._graph is not None and self._graph.is_graph_of(self._namespace, name):
            return self._graph.refresh(self._namespace)
        self._graph = None
        self._graph = LiveGraph(self._namespace, name)
        return self._graph.open(self._namespace)
