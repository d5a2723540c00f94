"""A Markdown report states the numbers of the evaluation, and shows hostile names as text."""

import re
from dataclasses import replace
from io import BytesIO
from xml.etree import ElementTree as ET

import msgspec
import numpy as np
from markdown_it import MarkdownIt
from markdown_it.token import Token
from PIL import Image

from fashion_tui.report.document.content import EvaluationDocument
from fashion_tui.report.document.markdown import evaluation_markdown, image_files
from fashion_tui.schema.text import printable

from .sample import HOSTILE_NAMES, PIXELS, document

FOLDER = "a (b) <c>-images"


def parse(source: EvaluationDocument) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(evaluation_markdown(source, FOLDER).decode())


def text_of(token: Token) -> str:
    """Return the text of an inline token. Fails if it contains HTML or a link."""
    parts = []
    for child in token.children or []:
        assert child.type in {"text", "text_special", "strong_open", "strong_close", "em_open", "em_close", "image"}
        parts.append(child.content if child.type.startswith("text") else "")
    return "".join(parts)


def tables(tokens: list[Token]) -> list[list[list[str]]]:
    """Return the cells of each table."""
    found: list[list[list[str]]] = []
    for index, token in enumerate(tokens):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type in {"th_open", "td_open"}:
            found[-1][-1].append(text_of(tokens[index + 1]))
    return found


def test_it_states_the_numbers_of_the_evaluation() -> None:
    tokens = parse(document())
    facts, classes, confusion, confusions, mistakes = tables(tokens)
    assert {"87.50 %", "0.654", "6.2 %", "2"} <= {value for _, value in facts[1:]}
    assert classes[1] == ["T-shirt/top", "75.0 %", "100.0 %", "85.7 %", "3"]
    assert [row[1:] for row in confusion[1:]] == [["3", "", ""], ["1", "2", "1"], ["", "", "1"]]
    assert confusions[1:] == [["Shirt", "T-shirt/top", "1", "25.0 %"], ["Shirt", "Bag", "1", "25.0 %"]]
    assert mistakes[1] == ["", "1,234", "Shirt", "Bag, 62.5 %", "Bag 62.5 %, T-shirt/top 25.0 %, Shirt 12.5 %"]
    (fence,) = [token for token in tokens if token.type == "fence"]
    assert fence.content == document().settings


def test_hostile_names_are_text() -> None:
    tokens = parse(document(HOSTILE_NAMES, run=HOSTILE_NAMES[1], dataset=HOSTILE_NAMES[2]))
    assert not [token for token in tokens if token.type.startswith("html")]
    assert [token.type for token in tokens] == [token.type for token in parse(document())]
    _, classes, confusion, *_ = tables(tokens)
    names = [printable(name) for name in HOSTILE_NAMES]
    assert [row[0] for row in classes[1:4]] == [row[0] for row in confusion[1:]] == confusion[0][1:] == names
    heading = next(token for token in tokens if token.type == "inline")
    assert text_of(heading) == f"Evaluation of {printable(HOSTILE_NAMES[1])}"


def test_addresses_in_names_are_not_links() -> None:
    """GitHub links `www.`, `://` and an `@` between words, even if the `@` is escaped."""
    names = ("www.example.com", "http://www.example.com/a", "a@example.com")
    text = evaluation_markdown(document(names), FOLDER).decode()
    assert not re.search(r"www\.|(?<!\\)://|\w\\?@\w", text)
    parsed = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(text)
    shown = {"".join(each.content for each in token.children or [] if each.type.startswith("text")) for token in parsed}
    assert set(names) <= shown


def test_images_are_files_beside_the_report() -> None:
    files = image_files(document())
    images = [child for token in parse(document()) for child in token.children or [] if child.type == "image"]
    assert [image.attrs["src"] for image in images] == [
        "a%20%28b%29%20%3Cc%3E-images/reliability.svg",
        "a%20%28b%29%20%3Cc%3E-images/image-01234.png",
        "a%20%28b%29%20%3Cc%3E-images/image-00007.png",
    ]
    assert sorted(files) == ["image-00007.png", "image-01234.png", "reliability.svg"]
    shown = np.asarray(Image.open(BytesIO(files["image-00007.png"])))
    assert bytes(shown[0, 0]) == bytes(PIXELS[1][channel * 8] for channel in range(3))


def test_the_bars_of_the_reliability_diagram_have_the_height_of_the_accuracy() -> None:
    root = ET.fromstring(image_files(document())["reliability.svg"].decode())
    (plot_height,) = {
        float(line.attrib["y1"]) - float(line.attrib["y2"])
        for line in root.iter("{http://www.w3.org/2000/svg}line")
        if "stroke-dasharray" in line.attrib
    }
    bars = [
        [float(bar.attrib["height"]) for bar in group if "height" in bar.attrib] for group in root if len(group) == 3
    ]
    shares = [[height / plot_height for height in pair] for pair in bars]
    np.testing.assert_allclose(shares, [[0.5, 0.05], [5 / 6, 0.9 - 5 / 6]], atol=1e-3)
    counts = [float(bar.attrib["height"]) for bar in root if "y" in bar.attrib and "height" in bar.attrib]
    np.testing.assert_allclose(counts[0] / counts[1], 2 / 6, rtol=1e-2)


def test_a_large_matrix_is_replaced_by_its_largest_cells() -> None:
    count = 100
    names = tuple(f"class {index}" for index in range(count))
    confusion = [[0] * count for _ in range(count)]
    for truth in range(count):
        confusion[truth][truth] = 5
    confusion[99][98], confusion[3][4] = 4, 5
    reports = tuple(msgspec.structs.replace(document().evaluation.per_class[0], name=name) for name in names)
    evaluation = msgspec.structs.replace(
        document().evaluation, per_class=reports, confusion=tuple(map(tuple, confusion))
    )
    _, classes, confusions = tables(parse(replace(document(), evaluation=evaluation, mistakes=())))
    assert len(classes) == 1 + count + 2
    assert confusions[1:] == [["class 3", "class 4", "5", "50.0 %"], ["class 99", "class 98", "4", "44.4 %"]]
