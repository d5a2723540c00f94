"""A view of a tensor's autograd graph as a tree with foldable nodes. A key runs backward()."""

import ast
from typing import ClassVar

from rich.text import Text
from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import BindingType

from fashion_tui.report.formatting import printable
from fashion_tui.report.glyphs import Glyphs, terminal_glyphs
from fashion_tui.report.graph import TreeRow, tree_line, tree_rows
from fashion_tui.report.style import ACCENT, ATTENTION, FOREGROUND, MUTED
from fashion_tui.schema.tensors import CloseGraph, ExpandGraph, Graph, GraphNode, OpenGraph
from fashion_tui.tui.actions import IN_GRAPH, bindings, key_of
from fashion_tui.tui.playground.cell_runner import CellRunner
from fashion_tui.tui.playground.messages import TensorOpened
from fashion_tui.tui.widgets.lines import FittedLines
from fashion_tui.tui.widgets.row_list import RowList

from .side_view import SideView


def is_reference(name: str) -> bool:
    """Return whether `name` is a Python variable, attribute or item, such as `net.weight` or `batch[0]`."""
    try:
        node: ast.AST = ast.parse(name, mode="eval").body
    except (SyntaxError, ValueError):
        return False
    while isinstance(node, ast.Attribute | ast.Subscript):
        if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Constant):
            return False
        node = node.value
    return isinstance(node, ast.Name)


class GraphView(SideView):
    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_GRAPH)

    _title = getters.query_one("#graph-title", FittedLines)
    _tree = getters.query_one(RowList)
    _hint = getters.query_one("#graph-hint", FittedLines)

    def __init__(self, runner: CellRunner) -> None:
        super().__init__(runner, id="graph")
        self._tensor_name = ""
        """Name of the tensor whose graph is shown, or an empty string if no graph is shown."""
        self._is_scalar = True
        self._root = 0
        self._graph_nodes: dict[int, GraphNode] = {}
        """The nodes received from the kernel so far, keyed by id."""
        self._folded: set[str] = set()
        """Keys of the folded rows."""
        self._updated: frozenset[int] = frozenset()
        """Ids of the nodes to highlight because their gradients changed with the kernel's last reply."""
        self._rows: dict[str, TreeRow] = {}

    def compose(self) -> ComposeResult:
        yield FittedLines(id="graph-title")
        yield RowList(id="graph-rows")
        yield FittedLines(id="graph-hint")

    def main_widget(self) -> RowList:
        return self._tree

    @property
    def backward_code(self) -> str | None:
        if not is_reference(self._tensor_name):
            return None
        return f"{self._tensor_name}.backward({'' if self._is_scalar else f'torch.ones_like({self._tensor_name})'})"

    def show_graph(self, name: str) -> None:
        """Show the graph of the tensor with this name."""
        self._tensor_name = name
        self.reload()

    def reload(self) -> None:
        if self._tensor_name:
            self._query(OpenGraph(name=self._tensor_name))

    def kernel_ended(self) -> None:
        self.closed()

    def closed(self) -> None:
        self._tensor_name = ""
        self._graph_nodes = {}
        self._paint()
        self._release()

    @work(group="graph", exclusive=True)
    async def _query(self, probe: OpenGraph | ExpandGraph) -> None:
        if (graph := await self.probe(probe, Graph)) is not None:
            self._update(graph)

    @work(group="graph", exclusive=True)
    async def _release(self) -> None:
        """Close the graph, so that the kernel can free it."""
        await self.probe(CloseGraph(), type(None))

    def show_problem(self, problem: str) -> None:
        self._graph_nodes = {}
        self._paint()
        self._title.fit(lambda _width: [Text(problem, style=ATTENTION)])

    def _update(self, graph: Graph) -> None:
        """Show a new graph, or more nodes of the current graph."""
        known = {} if graph.is_new else self._graph_nodes
        received = {node.id: node for node in graph.nodes}
        self._updated = frozenset(
            node_id
            for node_id, node in received.items()
            if node_id in known
            and node.grad_statistics is not None
            and node.grad_statistics != known[node_id].grad_statistics
        )
        self._graph_nodes = known | received
        if graph.is_new:
            self._folded.clear()
        self._tensor_name, self._root, self._is_scalar = graph.name, graph.root, graph.is_scalar
        self._paint()

    # Keys

    def action_move(self, direction: int) -> None:
        """Unfold the node under the cursor if `direction` is 1, or fold it if `direction` is -1."""
        row = self._selected
        if row is None or row.is_repeated:
            return
        if direction > 0 and row.node not in self._graph_nodes:
            self._query(ExpandGraph(node=row.node))
        elif direction > 0:
            self._folded.discard(row.key)
        else:
            self._folded.add(row.key)
        self._paint()

    def action_open(self) -> None:
        """Show the values of the tensor under the cursor. If the node isn't loaded yet, load the node instead."""
        row = self._selected
        node = None if row is None else self._graph_nodes.get(row.node)
        if node is None:
            self.action_move(1)
        elif node.name:
            self.post_message(TensorOpened(_first_name(node)))

    @property
    def _selected(self) -> TreeRow | None:
        return self._rows.get(self._tree.chosen or "")

    @on(RowList.Chosen)
    def _row_chosen(self, message: RowList.Chosen) -> None:
        message.stop()
        self._paint_hint()

    # Painting

    def on_resize(self) -> None:
        self._paint()

    def _paint(self) -> None:
        glyphs = terminal_glyphs()
        rows = tree_rows(self._graph_nodes, self._root, self._folded) if self._graph_nodes else []
        self._rows = {row.key: row for row in rows}
        self._tree.show_rows([row.key for row in rows], [self._line(row, glyphs) for row in rows])
        count = f"{len(self._graph_nodes):,} nodes" + (", more to unfold" if self._has_more else "")
        name = printable(self._tensor_name, glyphs)
        title = Text.assemble(("graph of ", MUTED), (name, FOREGROUND), (f"  {count}", MUTED))
        self._title.fit(lambda _width: [title] if self._tensor_name else [])
        self._paint_hint()

    @property
    def _has_gradients(self) -> bool:
        return any(node.grad_statistics is not None for node in self._graph_nodes.values())

    @property
    def _has_more(self) -> bool:
        return any(row.node not in self._graph_nodes for row in self._rows.values())

    def _line(self, row: TreeRow, glyphs: Glyphs) -> Text:
        node = self._graph_nodes.get(row.node)
        width = self._tree.size.width - 2
        return tree_line(row, node, width, is_highlighted=row.node in self._updated, glyphs=glyphs)

    def _paint_hint(self) -> None:
        row = self._selected
        hint = "" if row is None else self._hint_for(row.node, self._graph_nodes.get(row.node))
        self._hint.fit(lambda _width: [Text(hint, ACCENT)] if hint else [])

    def _hint_for(self, node_id: int, node: GraphNode | None) -> str:
        """Return a hint about the node under the cursor, or an empty string if none applies."""
        if node is None:
            return f"{key_of('graph', 'unfold')} shows its inputs"
        if node_id == self._root and not self._has_gradients:
            if self.backward_code is None:
                return "assign it to a variable to run backward()"
            return f"{key_of('playground', 'backward')} runs {self.backward_code}"
        if node.grad_statistics is not None or node.operation == "leaf" or node_id == self._root:
            return ""
        if node.name and not node.keeps_grad:
            return f"call {_first_name(node)}.retain_grad() to keep its gradient"
        return "" if node.name else "no variable holds this result: only its shape is known"


def _first_name(node: GraphNode) -> str:
    """Return the first name of the node's tensor. `node.name` lists all names, separated by commas."""
    return node.name.split(", ")[0]
