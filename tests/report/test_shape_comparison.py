"""Two networks side by side: rows that correspond are on one line, and differences are marked."""

import pytest
import torch
import torchvision
from rich.cells import cell_len
from torch import nn

from fashion_tui.lab.trace import trace
from fashion_tui.report.glyphs import ASCII, UNICODE, Glyphs
from fashion_tui.report.shape_comparison import (
    DIFFERENT,
    ONLY_SECOND,
    comparison_lines,
    comparison_summary,
    match_rows,
)
from fashion_tui.schema.shapes import ShapeTable
from tests.lab.networks import Guide


def sequential(*layers: nn.Module) -> ShapeTable:
    return trace(nn.Sequential(*layers), (1, 12, 12))


@pytest.fixture(scope="module")
def tables() -> tuple[ShapeTable, ShapeTable]:
    before = sequential(nn.Conv2d(1, 4, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(), nn.Flatten(), nn.Linear(64, 3))
    after = sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(100, 3)
    )
    return before, after


def test_inserted_and_removed_layers_shift_no_other_row(tables: tuple[ShapeTable, ShapeTable]) -> None:
    pairs = match_rows(*tables)
    assert [(pair.first, pair.second) for pair in pairs] == [
        (0, 0), (None, 1), (1, 2), (2, 3), (3, None), (4, 4), (5, 5),
    ]  # fmt: skip
    assert "".join(pair.mark for pair in pairs) == "~+~~-~~"
    assert pairs[0].differences == ("settings", "output", "params", "MACs")
    assert pairs[2].differences == ("output",)
    assert pairs[6].differences == ("params", "MACs")


def test_a_network_is_the_same_as_itself() -> None:
    table = trace(Guide(), (1, 28, 28))
    pairs = match_rows(table, table)
    assert {pair.mark for pair in pairs} == {" "}
    assert "the same" in comparison_summary(table, table, pairs, width=80, glyphs=ASCII)[1].plain


def test_a_layer_corresponds_to_the_function_that_it_calls() -> None:
    layers = sequential(nn.Conv2d(1, 4, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    functions = trace(Guide(), (1, 28, 28))
    pairs = match_rows(layers, functions)
    kinds = [(layers.rows[one.first].op, functions.rows[one.second].op) for one in pairs if one.mark == "~"
             and one.first is not None and one.second is not None]  # fmt: skip
    assert kinds == [
        ("Conv2d", "Conv2d"), ("ReLU", "F.relu"), ("MaxPool2d", "F.max_pool2d"), ("Flatten", "view"),
    ]  # fmt: skip


def test_added_blocks_of_a_deeper_network() -> None:
    with torch.device("meta"):
        small, large = (trace(torchvision.models.get_model(f"resnet{size}"), (3, 64, 64)) for size in (18, 34))
    pairs = match_rows(small, large)
    added = [large.rows[pair.second].path for pair in pairs if pair.first is None and pair.second is not None]
    assert len(added) == len(large.rows) - len(small.rows), "no row of the smaller network is without a counterpart"
    assert {".".join(path.split(".")[:2]) for path in added} == {
        *("layer1.2", "layer2.2", "layer2.3"), *(f"layer3.{block}" for block in (2, 3, 4, 5)), "layer4.2",
    }  # fmt: skip


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
@pytest.mark.parametrize("width", [60, 80, 120])
def test_both_halves_are_aligned_and_fit(tables: tuple[ShapeTable, ShapeTable], width: int, glyphs: Glyphs) -> None:
    pairs = match_rows(*tables)
    lines = comparison_lines(*tables, pairs, width=width, glyphs=glyphs)
    texts = [line.plain for line in (*lines.header, *lines.rows, *lines.footer)]
    assert max(map(cell_len, texts)) <= width
    assert len({text.index(glyphs.axis) for text in texts if glyphs.axis in text}) == 1
    assert [line.plain[0] for line in lines.rows] == [pair.mark for pair in pairs]
    if not glyphs.unicode:
        assert "".join(texts).isascii()


def test_columns_that_fit_beside_each_other(tables: tuple[ShapeTable, ShapeTable]) -> None:
    """The parameters are kept longer than the operations, whose settings are shown in full if there is space."""
    pairs = match_rows(*tables)
    titles = {
        width: comparison_lines(*tables, pairs, width=width, glyphs=UNICODE).header[1].plain.split("│")[0].split()
        for width in (80, 140)
    }
    assert titles[140] == ["step", "operation", "output", "params", "MACs"]
    assert titles[80] == ["step", "output", "params", "MACs"]


def test_totals_of_both_networks(tables: tuple[ShapeTable, ShapeTable]) -> None:
    pairs = match_rows(*tables)
    totals, counts = comparison_summary(*tables, pairs, width=80, glyphs=UNICODE)
    first, second = 4 * 25 + 4 + 64 * 3 + 3, 4 * 9 + 4 + 8 + 100 * 3 + 3
    assert f"{first:,} → {second:,}" in totals.plain
    assert counts.plain == "5 rows differ, 1 only in the first, 1 only in the second"
    differing = next(pair for pair in pairs if pair.mark == DIFFERENT)
    added = next(pair for pair in pairs if pair.mark == ONLY_SECOND)
    for chosen, text in (([differing], "1 row differs"), ([added], "1 row only in the second")):
        assert comparison_summary(*tables, chosen, width=80, glyphs=UNICODE)[1].plain == text
    parameters, macs, _ = comparison_summary(*tables, pairs, width=totals.cell_len - 1, glyphs=UNICODE)
    assert f"{parameters.plain}   {macs.plain}" == totals.plain, "no number is cut off in a narrow terminal"
    wide = comparison_lines(*tables, pairs, width=140, glyphs=UNICODE)
    assert str(first) in wide.footer[-1].plain
    assert str(second) in wide.footer[-1].plain
