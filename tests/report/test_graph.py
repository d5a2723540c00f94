"""The autograd graph as a tree: each node appears once, chains aren't indented, and deep trees fit the width."""

from rich.text import Text

from fashion_tui.report.glyphs import ASCII, UNICODE, Glyphs
from fashion_tui.report.graph import tree_line, tree_rows
from fashion_tui.schema.tensors import GraphNode, Statistics


def statistics(value: float) -> Statistics:
    return Statistics(low=value, mean=value, high=value, nans=0, infinities=0, sample_size=0)


def node(number: int, operation: str, *sources: int, name: str = "", value: float | None = None) -> GraphNode:
    return GraphNode(
        id=number,
        operation=operation,
        name=name,
        shape=(),
        statistics=None if value is None else statistics(value),
        grad_statistics=None,
        keeps_grad=False,
        sources=sources,
    )


def tree(*nodes: GraphNode, folded: tuple[str, ...] = (), glyphs: Glyphs = UNICODE, width: int = 80) -> list[str]:
    known = {one.id: one for one in nodes}
    rows = tree_rows(known, nodes[0].id, folded)
    lines: list[Text] = [
        tree_line(row, known.get(row.node), width, is_highlighted=False, glyphs=glyphs) for row in rows
    ]
    return [line.plain for line in lines]


PRODUCT = (
    node(0, "AddBackward0", 1, 2, name="L", value=10.0),
    node(1, "MulBackward0", 3, 4, name="C", value=6.0),
    node(2, "leaf", name="D", value=4.0),
    node(3, "leaf", name="A", value=3.0),
    node(4, "leaf", name="B", value=2.0),
)


def test_a_small_graph() -> None:
    assert tree(*PRODUCT) == [
        "L  AddBackward0  10",
        "├ C  MulBackward0  6",
        "│ ├ A  leaf  3",
        "│ └ B  leaf  2",
        "└ D  leaf  4",
    ]
    assert tree(*PRODUCT, glyphs=ASCII)[2] == "| + A  leaf  3"


def test_a_folded_node_has_the_number_of_its_sources() -> None:
    assert tree(*PRODUCT, folded=("0.0",))[1:] == ["├ C  MulBackward0  6  +2", "└ D  leaf  4"]


def test_a_shared_node_appears_once_with_a_reference() -> None:
    lines = tree(
        node(0, "AddBackward0", 1, 1), node(1, "PowBackward0", 2, name="y"), node(2, "leaf", name="x", value=3.0)
    )
    assert lines[:3] == ["AddBackward0", "├ y  PowBackward0", "│ ↓ x  leaf  3"]
    assert lines[3].startswith("└ y  PowBackward0  ↑")


def test_a_chain_stays_at_one_depth_and_ends_at_an_unknown_node() -> None:
    chain = [node(number, "MulBackward0", number + 1) for number in range(1000)]
    lines = tree(*chain)
    assert lines[1:-1] == ["↓ MulBackward0"] * 999
    assert lines[-1] == "↓ … more"


def test_the_branches_of_a_deep_tree_are_limited() -> None:
    # Each node has two sources: a leaf and the next node.
    nodes = [one for n in range(0, 2000, 2) for one in (node(n, "Add", n + 1, n + 2), node(n + 1, "leaf", name="w"))]
    lines = tree(*nodes)
    assert len(lines) == 2001
    assert max(map(len, lines)) < 40
    assert lines[-1].startswith("988… ")


def test_a_long_operation_is_shortened_if_it_does_not_fit() -> None:
    long = node(0, "MaxPool2DWithIndicesBackward0", name="pooled", value=1.0)
    assert tree(long) == ["pooled  MaxPool2DWithIndicesBackward0  1"]
    assert tree(long, width=35) == ["pooled  MaxPool2DWithIndices  1"]
