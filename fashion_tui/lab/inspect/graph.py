"""The graph behind a tensor: the nodes that backward() goes through, described as one asks for them.

A node is autograd's own (`grad_fn`): it knows its operation and what it was made from. Values it knows only of tensors
that are alive.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.tensors import MAX_GRAPH_NODES, Graph, GraphNode, Size

from .names import attribute, plain, tensors_of
from .numbers import numbers_of
from .rows import find, grad_numbers, keeps_grad

Node = Any
"""torch.autograd.graph.Node; for a leaf the tensor itself."""


class LiveGraph:
    """The graph behind one tensor. It stays alive as long as this does."""

    def __init__(self, namespace: Mapping[str, object], name: str) -> None:
        """UserError where there is no such tensor, or autograd has recorded nothing of it."""
        tensor = _tracked(namespace, name)
        self.name = name
        self._is_scalar = tensor.numel() == 1
        self._root = _start_of(tensor)
        self._ids: dict[Node, int] = {}
        self._nodes: list[Node] = []
        self._outputs: list[int] = []
        """Which of its node's results each was first reached by."""
        self._described: dict[int, None] = {}
        self._id_of(self._root, tensor.output_nr)

    def is_behind(self, namespace: Mapping[str, object], name: str) -> bool:
        """Whether that name leads to this very graph."""
        return name == self.name and _start_of(_tracked(namespace, name)) is self._root

    def opened(self, namespace: Mapping[str, object]) -> Graph:
        """From the root on."""
        return self._graph(namespace, self._walk(0), is_new=True)

    def unfolded(self, namespace: Mapping[str, object], node: int) -> Graph:
        """From that node on; UserError where it was never handed out."""
        if not 0 <= node < len(self._nodes):
            raise UserError(f"the graph of {self.name} has no node {node}")
        return self._graph(namespace, self._walk(node), is_new=False)

    def again(self, namespace: Mapping[str, object]) -> Graph:
        """What was described before, with the names, values and gradients of now."""
        return self._graph(namespace, list(self._described), is_new=False)

    def _walk(self, start: int) -> list[int]:
        """Ids in the order in which a tree shows them, GRAPH_NODES of them at most."""
        waiting, met = [start], dict[int, None]()
        while waiting and len(met) < MAX_GRAPH_NODES:
            number = waiting.pop()
            if number not in met:
                met[number] = None
                waiting.extend(reversed(self._sources(number)))
        return list(met)

    def _sources(self, number: int) -> list[int]:
        node = self._nodes[number]
        if isinstance(node, Tensor):
            return []
        return [
            self._id_of(_leaf_or_node(source), output) for source, output in node.next_functions if source is not None
        ]

    def _id_of(self, node: Node, output: int) -> int:
        key = _Same(node)
        if key not in self._ids:
            self._ids[key] = len(self._nodes)
            self._nodes.append(node)
            self._outputs.append(output)
        return self._ids[key]

    def _graph(self, namespace: Mapping[str, object], numbers: list[int], *, is_new: bool) -> Graph:
        alive = _Alive(namespace)
        self._described |= dict.fromkeys(numbers)
        nodes = tuple(self._describe(number, alive) for number in numbers)
        return Graph(name=self.name, root=0, is_scalar=self._is_scalar, is_new=is_new, nodes=nodes)

    def _describe(self, number: int, alive: "_Alive") -> GraphNode:
        node, output = self._nodes[number], self._outputs[number]
        names, tensor = alive.of(node)
        return GraphNode(
            id=number,
            operation="leaf" if isinstance(node, Tensor) else node.name(),
            name=", ".join(names),
            shape=_shape(node, output),
            statistics=None if tensor is None else numbers_of(plain(tensor)),
            grad_statistics=None if tensor is None else grad_numbers(tensor),
            keeps_grad=tensor is not None and keeps_grad(tensor),
            sources=tuple(self._sources(number)),
        )


class _Same:
    """A key that is equal for one and the same object alone, and keeps it alive."""

    def __init__(self, it: object) -> None:
        self._it = it

    def __hash__(self) -> int:
        return id(self._it)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self._it is other._it


class _Alive:
    """The tensors of a namespace by the nodes that made them."""

    def __init__(self, namespace: Mapping[str, object]) -> None:
        self._names: dict[_Same, list[str]] = {}
        self._tensors: dict[_Same, Tensor] = {}
        for name, tensor in _tracked_tensors(namespace):
            key = _Same(_start_of(tensor))
            self._names.setdefault(key, []).append(name)
            self._tensors.setdefault(key, tensor)

    def of(self, node: Node) -> tuple[list[str], Tensor | None]:
        """The names that lead to what the node made, and the tensor of the first; of a leaf always the tensor."""
        key = _Same(node)
        leaf = node if isinstance(node, Tensor) else None
        return self._names.get(key, []), self._tensors.get(key, leaf)


def _tracked_tensors(namespace: Mapping[str, object]) -> Iterator[tuple[str, Tensor]]:
    """Those of a name that a person gave: not IPython's own for results."""
    for name, _, values in tensors_of(namespace, lambda name, _value: name.startswith("_") or name == "Out"):
        if isinstance(values, Tensor) and attribute(values, "requires_grad"):
            yield name, values


def _tracked(namespace: Mapping[str, object], name: str) -> Tensor:
    tensor = find(namespace, name)[2]
    if not isinstance(tensor, Tensor) or not attribute(tensor, "requires_grad"):
        raise UserError(f"there is no graph behind {name}: it doesn't require a gradient")
    return tensor


def _start_of(tensor: Tensor) -> Node:
    node = attribute(tensor, "grad_fn")
    return tensor if node is None else node


def _leaf_or_node(node: Node) -> Node:
    """A leaf's own node is made anew whenever one asks for it; the tensor stays the same."""
    return node.variable if node.name().endswith("AccumulateGrad") else node


def _shape(node: Node, output: int) -> Size | None:
    if isinstance(node, Tensor):
        return tuple(plain(node).shape)
    try:
        return tuple(node._input_metadata[output].shape)  # noqa: SLF001 -- what backward() itself checks gradients by
    except (AttributeError, IndexError, RuntimeError):
        return None
