"""The graph of a network as an SVG image."""

from itertools import combinations
from xml.etree import ElementTree as ET

import pytest
import torch
import torchvision
from msgspec.structs import replace
from torch import nn

from fashion_tui.lab.trace import trace
from fashion_tui.report.graph_svg import MAX_BOXES, graph_depth, graph_svg
from fashion_tui.schema.shapes import ShapeTable
from tests.lab.networks import FunctionNet, Guide, Residual

SVG = "{http://www.w3.org/2000/svg}"
Rectangle = tuple[float, float, float, float]
"""Left, top, right and bottom."""


@pytest.fixture(scope="module")
def googlenet() -> ShapeTable:
    with torch.device("meta"):
        return trace(torchvision.models.googlenet(init_weights=False), (3, 224, 224))


def boxes(document: bytes) -> dict[str, Rectangle]:
    """Return the box of each row and of the input, keyed by a unique name."""
    found: dict[str, Rectangle] = {}
    for group in ET.fromstring(document).iter(f"{SVG}g"):
        box, name = group.find(f"{SVG}rect"), group.find(f"{SVG}text")
        assert box is not None
        assert name is not None
        left, top, width, height = (float(box.attrib[key]) for key in ("x", "y", "width", "height"))
        found[f"{len(found)} {name.text}"] = (left, top, left + width, top + height)
    return found


def lines(document: bytes) -> list[tuple[float, float, float, float]]:
    """Return the start and the end of each line."""
    ends = []
    for path in ET.fromstring(document).iter(f"{SVG}path"):
        numbers = [float(each) for each in path.attrib["d"].translate(str.maketrans("MLC,", "    ")).split()]
        ends.append((numbers[0], numbers[1], numbers[-2], numbers[-1]))
    return ends


def test_a_chain_is_drawn_from_top_to_bottom() -> None:
    document = graph_svg(trace(Guide(), (1, 28, 28), name="guide"))
    found = boxes(document)
    assert [name.split()[1] for name in found] == [
        "input", "conv1", "relu", "max_pool2d", "conv2", "relu", "max_pool2d", "view", "fc1", "relu", "fc2",
    ]  # fmt: skip
    tops = [top for _, top, _, _ in found.values()]
    assert tops == sorted(tops)
    assert len(lines(document)) == 10
    texts = {text.text for text in ET.fromstring(document).iter(f"{SVG}text")}
    assert {"12×28×28", "Conv2d  5×5 p2", "guide"} <= texts


@pytest.mark.parametrize("depth", [1, 2, None])
def test_boxes_do_not_overlap_and_lines_lead_from_one_box_down_to_another(
    googlenet: ShapeTable, depth: int | None
) -> None:
    document = graph_svg(googlenet, depth=depth)
    found = [*boxes(document).values()]
    for (left, top, right, bottom), (left2, top2, right2, bottom2) in combinations(found, 2):
        assert right < left2 or right2 < left or bottom < top2 or bottom2 < top
    bottoms = {((left + right) / 2, bottom) for left, _, right, bottom in found}
    tops = {((left + right) / 2, top) for left, top, right, _ in found}
    for start_x, start_y, end_x, end_y in lines(document):
        assert min(abs(x - start_x) + abs(y - start_y) for x, y in bottoms) < 0.2
        assert min(abs(x - end_x) + abs(y - end_y) for x, y in tops) < 0.2
        assert start_y < end_y


def test_parallel_branches_are_beside_each_other(googlenet: ShapeTable) -> None:
    found = boxes(graph_svg(googlenet, depth=2))
    tops = {name.split()[1]: top for name, (_, top, _, _) in found.items() if " branch" in name}
    lefts = {name.split()[1]: left for name, (left, _, _, _) in found.items() if " branch" in name}
    assert len(set(tops.values())) == 1
    assert len(set(lefts.values())) == 4


def test_modules_are_labelled_boxes_around_their_rows() -> None:
    table = trace(nn.Sequential(nn.Conv2d(1, 4, 3), Residual(4)), (1, 8, 8))
    root = ET.fromstring(graph_svg(table))
    (outline,) = (box for box in root.findall(f"{SVG}rect") if "rx" in box.attrib)
    left, top, width, height = (float(outline.attrib[key]) for key in ("x", "y", "width", "height"))
    inside = [
        name for name, (x, y, _, _) in boxes(ET.tostring(root)).items() if 0 < x - left < width and 0 < y - top < height
    ]
    assert [name.split()[1] for name in inside] == ["conv", "norm", "relu", "add_"]
    assert "1  Residual" in {text.text for text in root.findall(f"{SVG}text")}


def test_strings_from_outside_are_escaped() -> None:
    table = trace(Guide(), (1, 28, 28), name="<script>alert('&')</script>\x1b[31m")
    rows = (replace(table.rows[0], name="</text><a href='x'>", settings="\x00 & <b>"), *table.rows[1:])
    document = graph_svg(replace(table, rows=rows))
    root = ET.fromstring(document)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} == {"svg", "rect", "text", "path", "g", "title"}
    texts = [text.text or "" for text in root.iter(f"{SVG}text")]
    assert texts[0] == "<script>alert('&')</script>\N{REPLACEMENT CHARACTER}[31m"
    assert "</text><a href='x'>" in texts
    assert b"\x1b" not in document


def test_a_network_without_rows() -> None:
    assert list(boxes(graph_svg(trace(FunctionNet(lambda _, x: x), (3,))))) == ["0 input"]


def test_a_deep_network_is_drawn_down_to_the_depth_with_at_most_80_boxes(googlenet: ShapeTable) -> None:
    found = {depth: len(boxes(graph_svg(googlenet, depth=depth))) - 1 for depth in (1, 2, 3)}  # without the input
    assert found[1] < found[2] <= MAX_BOXES < found[3]
    assert graph_depth(googlenet) == 2
    assert len(boxes(graph_svg(googlenet))) - 1 == found[2]
