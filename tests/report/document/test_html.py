"""An HTML report is well-formed, states the numbers of the evaluation, and shows hostile names as text."""

import base64
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from io import BytesIO

import msgspec
import numpy as np
import pytest
from PIL import Image

from fashion_tui.report.document.content import EvaluationDocument
from fashion_tui.report.document.html import evaluation_html
from fashion_tui.schema.baselines import Baselines
from fashion_tui.schema.robustness import Robustness, RobustnessCurve
from fashion_tui.schema.text import printable

from .sample import COLOUR, HOSTILE_NAMES, NAMES, PIXELS, document

VOID = {"meta", "img"}
ALLOWED = VOID | {
    "html", "head", "title", "style", "body", "h1", "h2", "p", "span", "b", "div", "pre", "table", "thead", "tbody",
    "tr", "th", "td", "figure", "figcaption", "svg", "rect", "line", "text", "g",
}  # fmt: skip


@dataclass
class Node:
    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    parts: list["Node | str"] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(part if isinstance(part, str) else part.text for part in self.parts)

    def all(self, tag: str, class_: str | None = None) -> list["Node"]:
        """Return the descendants with a tag and, if given, a class."""
        nodes = [part for part in self.parts if isinstance(part, Node)]
        found = [node for node in nodes if node.tag == tag and class_ in {None, node.attributes.get("class")}]
        return found + [inner for node in nodes for inner in node.all(tag, class_)]


class Reader(HTMLParser):
    """Builds a tree, and fails if an element isn't closed, or closed in the wrong order."""

    def __init__(self) -> None:
        super().__init__()
        self.open = [Node("document")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names)
        assert not any(name.startswith("on") or name == "href" for name in names)
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].parts.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].parts.append(data)


def read(source: EvaluationDocument) -> Node:
    text = evaluation_html(source).decode()
    assert text.startswith("<!DOCTYPE html>")
    reader = Reader()
    reader.feed(text)
    reader.close()
    (root,) = reader.open
    return root


def rows(table: Node) -> list[list[str]]:
    return [[cell.text for cell in row.parts if isinstance(cell, Node)] for row in table.all("tr")]


def test_it_states_the_numbers_of_the_evaluation() -> None:
    page = read(document())
    assert page.all("h1")[0].text == "Evaluation of 20261128-1004-guide-a1b2"
    subject = page.all("p")[0].text
    assert all(part in subject for part in ("epoch 3", "step 1,125", "8 test images", "garments"))
    assert page.all("span", "accuracy")[0].text == "75.00 %"
    assert "95 % interval" in page.text
    assert "40.9" in page.text
    assert "92.8" in page.text or "92.9" in page.text
    facts = dict(rows(page.all("table", "facts")[0])[1:])
    assert {"87.50 %", "0.654", "6.2 %", "2"} <= set(facts.values())
    assert rows(page.all("table", "classes")[0])[1:] == [
        ["T-shirt/top", "75.0 %", "100.0 %", "85.7 %", "3"],
        ["Shirt", "100.0 %", "50.0 %", "66.7 %", "4"],
        ["Bag", "50.0 %", "99.9 %", "67.9 %", "1"],
        ["mean over the classes", "77.8 %", "72.2 %", "73.3 %", ""],
        ["mean weighted by images", "79.2 %", "75.1 %", "75.0 %", "8"],
    ]
    assert "torch 2.14.1" in page.text
    assert page.all("pre")[0].text == document().settings


def test_cells_of_the_confusion_matrix_are_shaded_by_their_share() -> None:
    table = read(document()).all("table", "confusion")[0]
    assert rows(table) == [
        ["", *NAMES],
        ["T-shirt/top", "3", "", ""],
        ["Shirt", "1", "2", "1"],
        ["Bag", "", "", "1"],
    ]
    shades = [[cell.attributes.get("style", "") for cell in row.all("td")] for row in table.all("tr")[1:]]
    assert shades[0][1] == shades[2][0] == ""
    opacity = [[float(shade.split(",")[-1].rstrip(")")) for shade in row if shade] for row in shades]
    assert opacity[0] == opacity[2] > opacity[1][1:2]
    assert shades[1][0] == shades[1][2] != shades[1][1]


def test_mistakes_are_images_with_truth_prediction_and_probabilities() -> None:
    first, second = read(document()).all("figure")
    assert first.all("figcaption")[0].text == "Shirt predicted as Bag, 62.5 % (image 1,234)"
    assert [row[:2] for row in rows(first)] == [["Bag", "62.5 %"], ["T-shirt/top", "25.0 %"], ["Shirt", "12.5 %"]]
    bars = [bar.attributes["class"] for bar in first.all("span")]
    assert bars == ["bar", "bar", "bar truth"]
    for figure, pixels in zip((first, second), PIXELS, strict=True):
        kind, data = figure.all("img")[0].attributes["src"].split(",")
        assert kind == "data:image/png;base64"
        shown = np.asarray(Image.open(BytesIO(base64.b64decode(data))))
        expected = np.frombuffer(pixels, np.uint8).reshape(COLOUR).transpose(1, 2, 0)
        scale = shown.shape[0] // 2
        assert scale > 1
        assert np.array_equal(shown, expected.repeat(scale, 0).repeat(scale, 1))


def test_hostile_names_are_text() -> None:
    hostile = replace(
        document(HOSTILE_NAMES, run=HOSTILE_NAMES[1], dataset=HOSTILE_NAMES[2]),
        versions={HOSTILE_NAMES[0]: HOSTILE_NAMES[1]},
    )
    page, plain = read(hostile), read(document())

    def structure(node: Node) -> list[object]:
        return [node.tag, *(structure(part) for part in node.parts if isinstance(part, Node))]

    assert structure(page) == structure(plain)
    names = [printable(name) for name in HOSTILE_NAMES]
    shown = [row[0] for row in rows(page.all("table", "classes")[0])[1:4]]
    assert [printable(name) for name in shown] == names
    assert "\x1b" not in page.text
    assert "\u202e" not in page.text


def test_nothing_is_loaded_from_elsewhere() -> None:
    page = read(document())
    policy = next(meta for meta in page.all("meta") if "http-equiv" in meta.attributes)
    assert policy.attributes["http-equiv"] == "Content-Security-Policy"
    assert policy.attributes["content"].startswith("default-src 'none'")
    assert all(image.attributes["src"].startswith("data:") for image in page.all("img"))
    assert "url(" not in evaluation_html(document()).decode()


def test_a_network_without_scores_and_one_without_mistakes() -> None:
    nan = float("nan")
    evaluation = msgspec.structs.replace(
        document().evaluation, accuracy=nan, interval=(nan, nan), top2=nan, loss=nan, ece=nan, reliability=(), invalid=5
    )
    broken = document().mistakes[0]
    broken = msgspec.structs.replace(broken, probabilities=(nan, nan, nan))
    page = read(replace(document(), evaluation=evaluation, mistakes=(broken,), mistake_count=1))
    assert "5 of 8 images" in page.all("p", "notice")[0].text
    assert "no prediction" in page.all("figcaption")[0].text
    assert not page.all("svg")

    perfect = read(replace(document(), mistakes=(), mistake_count=0))
    assert "all images correctly" in perfect.text
    assert not perfect.all("figure")


@pytest.mark.parametrize("dataset", ["synthetic", "fashion-mnist"])
def test_synthetic_data_is_named(dataset: str) -> None:
    evaluation = msgspec.structs.replace(document().evaluation, dataset=dataset)
    notices = read(replace(document(), evaluation=evaluation)).all("p", "notice")
    assert ["not Fashion-MNIST" in notice.text for notice in notices] == [True] * (dataset == "synthetic")


def test_baselines_say_what_the_accuracy_is_worth() -> None:
    baselines = Baselines(n=8, majority=0.5, linear=0.3, nearest=0.25)
    page = read(replace(document(), baselines=baselines))
    assert "75.0 %" in page.text
    assert "the majority class (50.0 %)" in page.text
    assert {"50.00 %", "30.00 %", "25.00 %"} <= {value for _, value in rows(page.all("table", "facts")[0])[1:]}


def test_robustness_is_a_row_for_each_corruption() -> None:
    curve = RobustnessCurve(corruption="blur", strengths=(0.5, 2.0), unit="sigma in pixels", accuracies=(0.625, 0.125))
    robustness = Robustness(run="guide", n=8, accuracy=0.875, curves=(curve,))
    page = read(replace(document(), robustness=robustness))
    assert rows(page.all("table", "robustness")[0])[1:] == [["blur", "sigma in pixels", "0.5: 62.5 %", "2: 12.5 %"]]
    assert "87.5 %" in page.text
