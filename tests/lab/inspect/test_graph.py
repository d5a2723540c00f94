"""The autograd graph of a tensor, node by node, compared with autograd itself."""

import gc
import time
import weakref
from collections.abc import Mapping
from typing import Any, cast

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from fashion_tui.lab.inspect.graph import LiveGraph
from fashion_tui.lab.inspect.inspector import Inspector
from fashion_tui.lab.networks import GuideNet
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.kernel import Probe
from fashion_tui.schema.tensors import CloseGraph, ExpandGraph, Graph, GraphNode, OpenGraph


def by_name(graph: Graph) -> dict[str, GraphNode]:
    return {node.name: node for node in graph.nodes if node.name}


def ask(inspector: Inspector, probe: Probe) -> Graph:
    graph = inspector.answer(probe)
    assert isinstance(graph, Graph)
    return graph


def inspector_of(namespace: Mapping[str, object]) -> Inspector:
    return Inspector(namespace, lambda _name, _value: False)


def mean(node: GraphNode) -> float | None:
    assert node.grad_statistics is not None
    return node.grad_statistics.mean


def product_and_sum() -> dict[str, Any]:
    a, b, d = (torch.tensor(value, requires_grad=True) for value in (3.0, 2.0, 4.0))
    c = a * b
    return {"A": a, "B": b, "D": d, "C": c, "L": c + d}


def test_values_and_gradients_of_the_guides_example() -> None:
    namespace = product_and_sum()
    inspector = inspector_of(namespace)
    nodes = by_name(ask(inspector, OpenGraph(name="L")))
    assert {name: node.operation for name, node in nodes.items()} == {
        "L": "AddBackward0", "C": "MulBackward0", "A": "leaf", "B": "leaf", "D": "leaf",
    }  # fmt: skip
    assert nodes["L"].sources == (nodes["C"].id, nodes["D"].id)
    assert nodes["C"].sources == (nodes["A"].id, nodes["B"].id)
    assert [node.statistics.mean for node in nodes.values() if node.statistics] == [10.0, 6.0, 3.0, 2.0, 4.0]
    assert all(node.grad_statistics is None for node in nodes.values())
    namespace["L"].backward()
    again = ask(inspector, OpenGraph(name="L"))
    assert not again.is_new
    after = by_name(again)
    assert (mean(after["A"]), mean(after["B"]), mean(after["D"])) == (2.0, 3.0, 1.0)
    assert after["C"].grad_statistics is None
    assert not after["C"].keeps_grad


def test_an_intermediate_shows_the_gradient_that_it_retains() -> None:
    namespace = product_and_sum()
    namespace["C"].retain_grad()
    namespace["L"].backward()
    node = by_name(ask(inspector_of(namespace), OpenGraph(name="L")))["C"]
    assert node.keeps_grad
    assert mean(node) == 1.0


def test_a_node_that_is_used_twice_appears_once() -> None:
    x = torch.tensor(3.0, requires_grad=True)
    y = x * x
    z = y + y
    graph = ask(inspector_of({"x": x, "y": y, "z": z}), OpenGraph(name="z"))
    nodes = by_name(graph)
    assert len(graph.nodes) == 3
    assert nodes["z"].sources == (nodes["y"].id,) * 2
    assert nodes["y"].sources == (nodes["x"].id,) * 2


def test_the_graph_of_a_network_has_its_operations_shapes_and_parameters() -> None:
    net = GuideNet()
    loss = F.cross_entropy(net(torch.rand(4, 1, 28, 28)), torch.tensor([1, 2, 3, 4]))
    graph = ask(inspector_of({"net": net, "loss": loss}), OpenGraph(name="loss"))
    nodes = by_name(graph)
    assert {f"net.{name}" for name, _ in net.named_parameters()} < set(nodes)
    convolutions = [node for node in graph.nodes if node.operation == "ConvolutionBackward0"]
    assert {node.shape for node in convolutions} == {(4, 12, 28, 28), (4, 20, 14, 14)}
    known = {node.id for node in graph.nodes}
    assert all(set(node.sources) <= known for node in graph.nodes)
    # Traversing autograd's own graph finds the same number of nodes.
    visited, stack = set[Any](), [cast("Any", loss.grad_fn)]
    while stack:
        node = stack.pop()
        if node not in visited:
            visited.add(node)
            stack += [source for source, _ in node.next_functions if source is not None]
    assert len(graph.nodes) == len(visited)


def test_a_graph_of_a_hundred_thousand_nodes_opens_at_once_and_can_be_expanded() -> None:
    x = torch.ones(1, requires_grad=True)
    y = x
    for _ in range(100_000):
        y = y * 1.0
    inspector = inspector_of({"x": x, "y": y})
    start = time.thread_time()
    graph = ask(inspector, OpenGraph(name="y"))
    assert time.thread_time() - start < 0.5
    assert len(graph.nodes) == 200
    last = graph.nodes[-1]
    (beyond,) = last.sources
    more = ask(inspector, ExpandGraph(node=beyond))
    assert not more.is_new
    assert more.nodes[0].id == beyond
    assert len(more.nodes) == 200


def test_outputs_of_one_node_and_custom_functions() -> None:
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(_ctx: Any, x: Tensor) -> Tensor:
            return x * 2

        @staticmethod
        def backward(_ctx: Any, *grads: Tensor) -> Tensor:
            return grads[0] * 2

    x = torch.arange(6.0, requires_grad=True)
    first, second = (2 * x).split([2, 4])
    doubled: Tensor = Double.apply(second)
    nodes = by_name(ask(inspector_of({"x": x, "first": first, "second": second, "d": doubled}), OpenGraph(name="d")))
    assert nodes["d"].operation == "DoubleBackward"
    assert nodes["first, second"].shape == (4,)
    assert nodes["d"].shape == (4,)


def test_the_graph_of_a_leaf_is_the_leaf() -> None:
    graph = ask(inspector_of({"x": torch.ones(2, requires_grad=True)}), OpenGraph(name="x"))
    (node,) = graph.nodes
    assert (node.operation, node.name, graph.is_scalar) == ("leaf", "x", False)


def test_a_tensor_without_a_graph() -> None:
    with pytest.raises(UserError, match="x has no autograd graph"):
        ask(inspector_of({"x": torch.ones(2)}), OpenGraph(name="x"))
    with pytest.raises(UserError, match="no node 5"):
        LiveGraph({"x": torch.ones(2, requires_grad=True)}, "x").expand({}, 5)


def test_a_name_that_is_reassigned_opens_a_new_graph() -> None:
    namespace = product_and_sum()
    inspector = inspector_of(namespace)
    ask(inspector, OpenGraph(name="L"))
    namespace["L"] = namespace["A"] * 5
    again = ask(inspector, OpenGraph(name="L"))
    assert again.is_new
    assert set(by_name(again)) == {"L", "A"}


def test_a_closed_graph_keeps_no_node_alive() -> None:
    x = torch.ones(1, requires_grad=True)
    namespace = {"y": (x * 2).exp()}
    node = weakref.ref(namespace["y"])
    inspector = inspector_of(namespace)
    ask(inspector, OpenGraph(name="y"))
    assert inspector.answer(CloseGraph()) is None
    assert inspector.answer(ExpandGraph(node=0)) is None
    namespace.clear()
    gc.collect()
    assert node() is None
