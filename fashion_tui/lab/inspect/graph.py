"""The autograd graph of a tensor, which consists of the nodes that backward() visits.

The nodes are the `grad_fn` objects of autograd. They are described only on request. The description of a node always
contains its operation and inputs. Values and gradients are available only for leaves and for tensors that have a name
in the namespace.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.tensors import MAX_GRAPH_NODES, Graph, GraphNode, Size

from .namespace import as_plain, find_tensors, tensor_attribute
from .tensors import get_tensor, grad_statistics, keeps_grad
from .values import compute_statistics

Node = Any
"""A torch.autograd.graph.Node, or the tensor itself for a leaf."""


class LiveGraph:
    """The autograd graph of one tensor. This object keeps the graph alive."""

    def __init__(self, namespace: Mapping[str, object], name: str) -> None:
        """Open the graph of a tensor. Raises UserError if the tensor doesn't exist or autograd doesn't track it."""
        tensor = _tracked_tensor(namespace, name)
        self.name = name
        self._is_scalar = tensor.numel() == 1
        self._root = _node_of(tensor)
        self._ids: dict[_Identity, int] = {}
        self._nodes: list[Node] = []
        self._output_numbers: list[int] = []
        """Maps each node to the number (`output_nr`) of the output through which the node was first reached."""
        self._described: dict[int, None] = {}
        self._id_of(self._root, tensor.output_nr)

    def is_graph_of(self, namespace: Mapping[str, object], name: str) -> bool:
        """Return True if this graph was opened for `name` and `name` still refers to the same tensor."""
        return name == self.name and _node_of(_tracked_tensor(namespace, name)) is self._root

    def open(self, namespace: Mapping[str, object]) -> Graph:
        """Return up to MAX_GRAPH_NODES nodes of the graph, beginning with the root."""
        return self._graph(namespace, self._walk(0), is_new=True)

    def expand(self, namespace: Mapping[str, object], node: int) -> Graph:
        """Return up to MAX_GRAPH_NODES nodes, beginning with the node that has this id.

        Raises UserError if the id is unknown.
        """
        if not 0 <= node < len(self._nodes):
            raise UserError(f"the graph of {self.name} has no node {node}")
        return self._graph(namespace, self._walk(node), is_new=False)

    def refresh(self, namespace: Mapping[str, object]) -> Graph:
        """Return all nodes that have been described so far, with their current names, values and gradients."""
        return self._graph(namespace, list(self._described), is_new=False)

    def _walk(self, start: int) -> list[int]:
        """Return up to MAX_GRAPH_NODES node ids in depth-first order, which is the order of the rows in a tree view."""
        stack, visited = [start], dict[int, None]()
        while stack and len(visited) < MAX_GRAPH_NODES:
            node = stack.pop()
            if node not in visited:
                visited[node] = None
                stack.extend(reversed(self._sources(node)))
        return list(visited)

    def _sources(self, node_id: int) -> list[int]:
        node = self._nodes[node_id]
        if isinstance(node, Tensor):
            return []
        return [
            self._id_of(_leaf_or_node(source), output) for source, output in node.next_functions if source is not None
        ]

    def _id_of(self, node: Node, output_number: int) -> int:
        key = _Identity(node)
        if key not in self._ids:
            self._ids[key] = len(self._nodes)
            self._nodes.append(node)
            self._output_numbers.append(output_number)
        return self._ids[key]

    def _graph(self, namespace: Mapping[str, object], node_ids: list[int], *, is_new: bool) -> Graph:
        named = _NamedNodes(namespace)
        self._described |= dict.fromkeys(node_ids)
        nodes = tuple(self._describe(node_id, named) for node_id in node_ids)
        return Graph(name=self.name, root=0, is_scalar=self._is_scalar, is_new=is_new, nodes=nodes)

    def _describe(self, node_id: int, named: "_NamedNodes") -> GraphNode:
        node = self._nodes[node_id]
        names, tensor = named.find(node)
        return GraphNode(
            id=node_id,
            operation="leaf" if isinstance(node, Tensor) else node.name(),
            name=", ".join(names),
            shape=_shape(node, self._output_numbers[node_id]),
            statistics=None if tensor is None else compute_statistics(as_plain(tensor)),
            grad_statistics=None if tensor is None else grad_statistics(tensor),
            keeps_grad=tensor is not None and keeps_grad(tensor),
            sources=tuple(self._sources(node_id)),
        )


class _Identity:
    """A dictionary key that compares objects by identity and keeps its object alive."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __hash__(self) -> int:
        return id(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and self._value is other._value


class _NamedNodes:
    """Finds the tensors in a namespace that a graph node produced, and their names."""

    def __init__(self, namespace: Mapping[str, object]) -> None:
        self._names: dict[_Identity, list[str]] = {}
        self._tensors: dict[_Identity, Tensor] = {}
        for name, tensor in _tracked_tensors(namespace):
            key = _Identity(_node_of(tensor))
            self._names.setdefault(key, []).append(name)
            self._tensors.setdefault(key, tensor)

    def find(self, node: Node) -> tuple[list[str], Tensor | None]:
        """Return the names of the node's outputs, and the first output that has a name.

        If no output has a name, the second value is the leaf tensor for a leaf, and None for any other node.
        """
        key = _Identity(node)
        leaf = node if isinstance(node, Tensor) else None
        return self._names.get(key, []), self._tensors.get(key, leaf)


def _tracked_tensors(namespace: Mapping[str, object]) -> Iterator[tuple[str, Tensor]]:
    """Yield each tensor that requires a gradient, with its name. Skip IPython's variables, such as `_` and `Out`."""
    for name, _, tensor in find_tensors(namespace, lambda name, _value: name.startswith("_") or name == "Out"):
        if isinstance(tensor, Tensor) and tensor_attribute(tensor, "requires_grad"):
            yield name, tensor


def _tracked_tensor(namespace: Mapping[str, object], name: str) -> Tensor:
    tensor = get_tensor(namespace, name).tensor
    if not isinstance(tensor, Tensor) or not tensor_attribute(tensor, "requires_grad"):
        raise UserError(f"{name} has no autograd graph: it doesn't require a gradient")
    return tensor


def _node_of(tensor: Tensor) -> Node:
    node = tensor_attribute(tensor, "grad_fn")
    return tensor if node is None else node


def _leaf_or_node(node: Node) -> Node:
    """Return the tensor of an AccumulateGrad node, and any other node unchanged.

    Autograd may create a new AccumulateGrad node for the same tensor on each access.
    """
    return node.variable if node.name().endswith("AccumulateGrad") else node


def _shape(node: Node, output_number: int) -> Size | None:
    if isinstance(node, Tensor):
        return tuple(as_plain(node).shape)
    try:
        return tuple(node._input_metadata[output_number].shape)  # noqa: SLF001 -- the shape that backward() checks
    except (AttributeError, IndexError, RuntimeError):
        return None
