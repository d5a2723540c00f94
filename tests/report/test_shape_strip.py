"""The strip follows one path through a network."""

from typing import Any

import torch
from torch import Tensor, nn

from fashion_tui.lab.trace import trace
from fashion_tui.report.glyphs import UNICODE
from fashion_tui.report.shape_strip import shape_strip
from fashion_tui.report.shapes import shape_notes
from fashion_tui.report.style import ACCENT
from fashion_tui.schema.inputs import InputSpec
from fashion_tui.schema.shapes import ShapeTable
from tests.lab.networks import FunctionNet


def strip(table: ShapeTable, width: int = 120) -> str:
    return shape_strip(table, width=width, glyphs=UNICODE).plain


def test_a_network_that_is_one_block_shows_its_children() -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    line = shape_strip(trace(FunctionNet(lambda self, x: self.net(x), net=net), (4,)), width=80, glyphs=UNICODE)
    assert line.plain == "4 ─ 0 ─ 3 ─ 2 ─ 2"
    accented = [line.plain[span.start : span.end] for span in line.spans if span.style == ACCENT]
    assert accented == ["4", "2"], "the input and the output"


def test_two_inputs_and_two_outputs() -> None:
    """The path follows the input with more calls, and shows what the other one adds where they are joined."""

    def forward(self: Any, x: Tensor, y: Tensor) -> Any:
        side = self.side(y)
        joined = torch.cat([self.conv(x).relu().flatten(1), side], 1)
        return self.head(joined), self.other(joined)

    model = FunctionNet(
        forward, conv=nn.Conv2d(1, 8, 3), side=nn.Linear(3, 16), head=nn.Linear(304, 10), other=nn.Linear(304, 2)
    )
    table = trace(model, (InputSpec(shape=(1, 8, 8)), InputSpec(shape=(3,))))
    assert strip(table) == "1×8×8 ─ conv ─ 8×6×6 ─ flatten ─ 288 + 16 ─ cat ─ 304 ─ head ─ 10 + 2"
    assert strip(table, 50) == "1×8×8 ─ 8×6×6 ─ 288 + 16 ─ 304 ─ 10 + 2"
    assert "inputs 1×8×8 float32, 3 float32" in shape_notes(table).plain


def test_the_longest_branch_of_a_skip_connection() -> None:
    """The path goes through the branch, although the skip connection has more channels."""

    def forward(self: Any, x: Tensor) -> Any:
        skip = self.first(x)
        return self.last(torch.cat([skip, self.up(self.down(skip).relu())], 1))

    model = FunctionNet(
        forward, first=nn.Conv2d(1, 8, 1), down=nn.Conv2d(8, 16, 2, 2), up=nn.ConvTranspose2d(16, 4, 2, 2),
        last=nn.Conv2d(12, 3, 1),
    )  # fmt: skip
    assert strip(trace(model, (1, 4, 4))) == (
        "1×4×4 ─ first ─ 8×4×4 ─ down ─ 16×2×2 ─ up ─ 8×4×4 + 4×4×4 ─ cat ─ 12×4×4 ─ last ─ 3×4×4"
    )


def test_a_call_whose_result_is_not_returned_is_left_out() -> None:
    def forward(self: Any, x: Tensor) -> Any:
        answer = self.main(x)
        self.kept = self.side(x)
        return answer

    assert strip(trace(FunctionNet(forward, main=nn.Linear(8, 3), side=nn.Linear(8, 5)), (8,))) == "8 ─ main ─ 3"


def test_two_inputs_that_are_joined_at_once() -> None:
    model = FunctionNet(lambda self, x, y: self.fc(torch.cat([x, y], 1)), fc=nn.Linear(7, 2))
    table = trace(model, (InputSpec(shape=(3,)), InputSpec(shape=(4,))))
    assert strip(table) == "3 + 4 ─ cat ─ 7 ─ fc ─ 2"


def test_a_network_that_fails_ends_at_the_failing_call() -> None:
    model = FunctionNet(lambda self, x: (self.side(x), self.wrong(self.main(x))),
                        main=nn.Linear(8, 3), side=nn.Linear(8, 5), wrong=nn.Linear(4, 2))  # fmt: skip
    assert strip(trace(model, (8,))) == "8 ─ main ─ 3 ─ wrong ─ ✕"


def test_more_outputs_than_can_be_listed() -> None:
    model = FunctionNet(lambda self, x: tuple(self.fc(x).split(1, 1)), fc=nn.Linear(8, 5))
    assert strip(trace(model, (8,))).endswith("1 +4")
