"""The lines in the margin of the shape table, which show how data flows between the rows."""

import operator
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from fashion_tui.lab.trace import trace
from fashion_tui.report.data_flow import data_flow, find_lanes
from fashion_tui.report.glyphs import ASCII, UNICODE, Glyphs
from fashion_tui.report.rail import Rail, draw_rail
from fashion_tui.report.shapes import shape_lines, visible_rows
from fashion_tui.schema.shapes import NETWORK_INPUT, ShapeTable
from tests.lab.networks import FunctionNet, Guide, Residual

HIDDEN = {"size", operator.getitem, operator.floordiv}
"""Targets of the nodes of torch.fx that compute no tensor."""


def unet() -> nn.Module:
    """Return a U-Net with two levels, whose encoder is one module that returns the features of all levels."""

    def encode(self: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        fine = F.relu(self.first(x))
        return fine, F.relu(self.second(F.max_pool2d(fine, 2)))

    def forward(self: Any, x: Tensor) -> Tensor:
        fine, coarse = self.encoder(x)
        middle = self.up2(self.bottom(F.max_pool2d(coarse, 2)))
        joined = self.up1(torch.cat([middle, coarse], 1))
        return torch.cat([joined, fine], 1)

    encoder = FunctionNet(encode, first=nn.Conv2d(1, 4, 3, padding=1), second=nn.Conv2d(4, 8, 3, padding=1))
    return FunctionNet(
        forward,
        encoder=encoder,
        bottom=nn.Conv2d(8, 8, 3, padding=1),
        up2=nn.ConvTranspose2d(8, 8, 2, stride=2),
        up1=nn.ConvTranspose2d(16, 4, 2, stride=2),
    )


UNET = """
             encoder
                 first
●───╮            relu
●   │            max_pool2d
●   │            second
●─╮ │            relu
● │ │        max_pool2d
● │ │        bottom
● │ │        up2
●─╯ │        cat
●   │        up1
●───╯        cat
"""


@pytest.fixture(scope="module")
def table() -> ShapeTable:
    return trace(unet(), (1, 16, 16))


def drawn(table: ShapeTable, rail: Rail, shown: list[int]) -> list[str]:
    names = ["    " * table.rows[index].depth + table.rows[index].name for index in shown]
    return [f"{margin.plain:<9}    {name}" for margin, name in zip(rail.lines(), names, strict=True)]


def rail_of(table: ShapeTable, *, glyphs: Glyphs = UNICODE, width: int = 120, chosen: int | None = None) -> list[str]:
    rail = draw_rail(table, visible_rows(table), width=width, glyphs=glyphs)
    return [margin.plain.rstrip() for margin in rail.lines(chosen)]


def test_skip_connections_of_a_u_net_are_nested_lines_that_do_not_cross(table: ShapeTable) -> None:
    shown = visible_rows(table)
    rail = draw_rail(table, shown, width=120, glyphs=UNICODE)
    assert drawn(table, rail, shown) == UNET.strip("\n").splitlines()


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "shufflenet_v2_x0_5"])
def test_edges_are_those_of_the_graph_that_torch_fx_finds(name: str) -> None:
    with torch.device("meta"):
        model = torchvision.models.get_model(name)
    table = trace(model, (3, 64, 64))
    flow = data_flow(table, range(len(table.rows)))
    number = {row: position for position, row in enumerate(flow.nodes)}
    nodes = [node for node in torch.fx.symbolic_trace(model).graph.nodes if is_shown(node)]
    expected = {node: position for position, node in enumerate(nodes)}
    edges = {(expected[source], expected[node]) for node in nodes for source in producers_in(node, expected)}
    found = {(number[producer], number[row]) for row in flow.nodes for producer in flow.producers[row] if producer >= 0}
    assert len(nodes) == len(flow.nodes)
    assert found == edges
    lanes = find_lanes(flow, range(len(table.rows)))
    assert {(number[producer], number[row]) for producer, row in lanes.of_edge if producer >= 0} == edges


def is_shown(node: torch.fx.Node) -> bool:
    """Return whether the node computes a tensor. Sizes and the chunks of a tuple have no rows of their own."""
    return node.op in {"call_module", "call_function", "call_method"} and node.target not in HIDDEN


def producers_in(node: torch.fx.Node, shown: Mapping[torch.fx.Node, int]) -> Iterator[torch.fx.Node]:
    for source in node.all_input_nodes:
        if source in shown:
            yield source
        elif source.target is operator.getitem:  # one of the tensors that torch.chunk returns
            yield from producers_in(source, shown)


def test_folded_modules_are_nodes(table: ShapeTable) -> None:
    flow = data_flow(table, visible_rows(table, depth=1))
    names = [table.rows[index].name for index in visible_rows(table, depth=1)]
    assert names == ["encoder", "max_pool2d", "bottom", "up2", "cat", "up1", "cat"]
    assert flow.producers == ((NETWORK_INPUT,), (0,), (1,), (2,), (3, 0), (4,), (5, 0))
    assert flow.outputs == (6,)
    assert flow.consumers(0) == [1, 4, 6]


def test_a_chain_has_no_rail() -> None:
    assert set(rail_of(trace(Guide(), (1, 28, 28)))) == {""}


def test_rows_before_and_after_a_branch_are_blank() -> None:
    table = trace(nn.Sequential(nn.Conv2d(1, 4, 3), Residual(4), nn.ReLU()), (1, 8, 8))
    assert rail_of(table) == ["●─╮", "│ │", "● │", "● │", "● │", "●─╯", ""]
    with_token = FunctionNet(lambda self, x: torch.cat([self.token.expand(4, -1).clone(), self.layer(x).relu()], 0))
    with_token.token, with_token.layer = nn.Parameter(torch.zeros(1, 3)), nn.Linear(3, 3)
    assert rail_of(trace(with_token, (4, 3)))[-1] in {"●─╯", "╰─●"}


def test_ascii(table: ShapeTable) -> None:
    rail = rail_of(table, glyphs=ASCII)
    assert "".join(rail).isascii()
    assert [rail[2], rail[5], rail[9], rail[11]] == ["*---.", "*-. |", "*-' |", "*---'"]


def test_the_producers_and_consumers_of_the_chosen_row_have_another_node(table: ShapeTable) -> None:
    rail = rail_of(table, chosen=9)  # the first torch.cat
    assert [row for row, line in enumerate(rail) if UNICODE.neighbour in line] == [5, 8, 10]
    encoder = rail_of(table, chosen=0)
    assert [row for row, line in enumerate(encoder) if UNICODE.neighbour in line] == [6, 9, 11], "rows outside of it"


def test_several_heads_and_lines_that_pass_behind_others() -> None:
    def forward(self: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(x)
        gate = torch.sigmoid(features)
        return self.other(features * gate), self.head(gate)

    net = FunctionNet(forward, body=nn.Linear(4, 4), head=nn.Linear(4, 2), other=nn.Linear(4, 3))
    assert rail_of(trace(net, (4,))) == ["●───╮", "●─╮ │", "│ ╰─●", "│   ●", "●"]


def test_lines_share_the_last_column_if_the_terminal_is_narrow(table: ShapeTable) -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        steps = [x]
        for _ in range(6):
            steps.append(torch.relu(sum(steps)))  # type: ignore[arg-type]
        return steps[-1]

    dense = trace(FunctionNet(forward), (4,))
    assert max(map(len, rail_of(dense, width=200))) > 5
    narrow = rail_of(dense, width=40)
    assert max(map(len, narrow)) == 5
    assert "║" in "".join(narrow)
    assert max(line.cell_len for line in shape_lines(dense, width=40).rows) <= 40 - 6
