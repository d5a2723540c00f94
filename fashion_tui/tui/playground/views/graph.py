"""The graph behind a tensor, as a tree: fold, unfold, and run backward()."""

import ast
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType

from fashion_tui.report.formatting import printable
from fashion_tui.report.glyphs import Glyphs, terminal_glyphs
from fashion_tui.report.graph import TreeRow, tree_line, tree_rows
from fashion_tui.report.style import ACCENT, ATTENTION, FOREGROUND, MUTED
from fashion_tui.schema.tensors import CloseGraph, ExpandGraph, Graph, GraphNode, OpenGraph
from fashion_tui.tui.actions import IN_GRAPH, bindings
from fashion_tui.tui.playground.messages import TensorOpened
from fashion_tui.tui.widgets.fitted import FittedLines
from fashion_tui.tui.widgets.row_list import RowList

from .side_view import Ask, SideView


def is_place(name: str) -> bool:
    """Whether Python reads it as a name, an attribute or an item, `net.weight` or `batch[0]`, and as nothing more."""
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
    """Knows the nodes that the kernel has described so far."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_GRAPH)

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask, id="graph")
        self.tensor = ""
        """The name of that whose graph it is; empty: none."""
        self._is_scalar = True
        self._root = 0
        self._known: dict[int, GraphNode] = {}
        self._folded: set[str] = set()
        self._lit: frozenset[int] = frozenset()
        """Nodes whose gradient has come with the last answer."""
        self._rows: dict[str, TreeRow] = {}

    def compose(self) -> ComposeResult:
        yield FittedLines(id="graph-title")
        yield RowList(id="graph-rows")
        yield FittedLines(id="graph-node")

    def main_widget(self) -> RowList:
        return self.query_one(RowList)

    @property
    def backward(self) -> str | None:
        if not is_place(self.tensor):
            return None
        return f"{self.tensor}.backward({'' if self._is_scalar else f'torch.ones_like({self.tensor})'})"

    def open(self, name: str) -> None:
        self.tensor = name
        self.renew()

    def renew(self) -> None:
        if self.tensor:
            self._look(OpenGraph(name=self.tensor))

    def forget(self) -> None:
        self.close()

    def close(self) -> None:
        self.tensor = ""
        self._known = {}
        self._paint()
        self._let_go()

    @work(group="graph", exclusive=True)
    async def _look(self, question: OpenGraph | ExpandGraph) -> None:
        if (graph := await self.answer(question, Graph)) is not None:
            self._show(graph)

    @work(group="graph", exclusive=True)
    async def _let_go(self) -> None:
        await self.answer(CloseGraph(), type(None))

    def show_problem(self, problem: str) -> None:
        self._known = {}
        self._paint()
        self.query_one("#graph-title", FittedLines).fit(lambda _width: [Text(problem, style=ATTENTION)])

    def _show(self, graph: Graph) -> None:
        """A new graph, or more of the one that is shown."""
        before = {} if graph.is_new else self._known
        came = {node.id: node for node in graph.nodes}
        self._lit = frozenset(
            number
            for number, node in came.items()
            if number in before
            and node.grad_statistics is not None
            and node.grad_statistics != before[number].grad_statistics
        )
        self._known = before | came
        if graph.is_new:
            self._folded.clear()
        self.tensor, self._root, self._is_scalar = graph.name, graph.root, graph.is_scalar
        self._paint()

    def on_resize(self) -> None:
        self._paint()

    def action_move(self, direction: int) -> None:
        """To the right unfolds, to the left folds."""
        row = self._chosen
        if row is None or row.is_repeated:
            return
        if direction > 0 and row.node not in self._known:
            self._look(ExpandGraph(node=row.node))
        elif direction > 0:
            self._folded.discard(row.key)
        else:
            self._folded.add(row.key)
        self._paint()

    def action_open(self) -> None:
        """The tensor that the node made, from inside; of what isn't unfolded yet, more."""
        row = self._chosen
        node = None if row is None else self._known.get(row.node)
        if node is None:
            self.action_move(1)
        elif node.name:
            self.post_message(TensorOpened(node.name.split(", ")[0]))

    @property
    def _chosen(self) -> TreeRow | None:
        return self._rows.get(self.main_widget().chosen or "")

    @on(RowList.Chosen)
    def _row_chosen(self, message: RowList.Chosen) -> None:
        message.stop()
        self._paint_node()

    def _paint(self) -> None:
        glyphs = terminal_glyphs()
        rows = tree_rows(self._known, self._root, self._folded) if self._known else []
        self._rows = {row.key: row for row in rows}
        self.main_widget().show_rows([row.key for row in rows], [self._line(row, glyphs) for row in rows])
        count = f"{len(self._known):,} nodes" + (", more to unfold" if self._has_more else "")
        title = Text.assemble(("graph of ", MUTED), (printable(self.tensor, glyphs), FOREGROUND), (f"  {count}", MUTED))
        self.query_one("#graph-title", FittedLines).fit(lambda _width: [title] if self.tensor else [])
        self._paint_node()

    @property
    def _has_gradients(self) -> bool:
        return any(node.grad_statistics is not None for node in self._known.values())

    @property
    def _has_more(self) -> bool:
        return any(row.node not in self._known for row in self._rows.values())

    def _line(self, row: TreeRow, glyphs: Glyphs) -> Text:
        node = self._known.get(row.node)
        width = self.main_widget().size.width - 2
        return tree_line(row, node, width, is_highlighted=row.node in self._lit, glyphs=glyphs)

    def _paint_node(self) -> None:
        """What can be said of the node under the cursor in a line."""
        row = self._chosen
        words = "" if row is None else self._hint(row.node, self._known.get(row.node))
        self.query_one("#graph-node", FittedLines).fit(lambda _width: [Text(words, ACCENT)] if words else [])

    def _hint(self, number: int, node: GraphNode | None) -> str:
        if node is None:
            return "→ unfolds what is behind it"
        if number == self._root and not self._has_gradients:
            return f"B runs {self.backward}" if self.backward else "give it a name of Python's to run backward() on it"
        if node.grad_statistics is not None or node.operation == "leaf" or number == self._root:
            return ""
        if node.name and not node.keeps_grad:
            return f"{node.name.split(', ')[0]}.retain_grad() would keep its gradient"
        return "" if node.name else "no name leads to what it made: only its shape is known"
