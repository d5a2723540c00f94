"""A report about an evaluation as one HTML file, without scripts and without links to other files."""

import base64
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from fashion_tui.report.formatting import format_accuracy, format_percent
from fashion_tui.report.style import PALETTES
from fashion_tui.schema.evaluation import Averages, ClassReport, Prediction

from .content import (
    EvaluationDocument,
    facts,
    interval,
    mistakes_caption,
    notices,
    robustness_rows,
    subject,
    title,
    top_probabilities,
    verdict_on,
    worth,
)
from .elements import Content, element, html_text, table
from .images import png
from .reliability import SUMMARY, reliability_svg

COLOURS = PALETTES["light"]

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""Content Security Policy of the file: a browser loads nothing and executes nothing."""

STYLE = f"""
body {{ margin: 2rem auto; max-width: 70rem; padding: 0 1rem; background: {COLOURS.background};
  color: {COLOURS.foreground}; font: 15px/1.5 system-ui, sans-serif; }}
h2 {{ margin-top: 2.5rem; }}
.muted, figcaption {{ color: {COLOURS.muted}; }}
.notice {{ color: {COLOURS.attention}; font-weight: bold; }}
.accuracy {{ font-size: 2.4rem; font-weight: bold; color: {COLOURS.accent}; }}
table {{ border-collapse: collapse; }}
th {{ font-weight: normal; text-align: left; }}
td, thead th:not(:first-child) {{ text-align: right; font-variant-numeric: tabular-nums; }}
th, td {{ padding: 0.15rem 0.7rem 0.15rem 0; }}
.scroll {{ overflow: auto; max-height: 90vh; }}
.confusion td, .confusion th {{ padding: 0.15rem 0.4rem; border: 1px solid {COLOURS.panel}; text-align: right; }}
.confusion thead th {{ writing-mode: vertical-rl; position: sticky; top: 0; background: {COLOURS.background}; }}
.confusion tbody th {{ position: sticky; left: 0; background: {COLOURS.background}; white-space: nowrap; }}
.confusion thead th:first-child {{ writing-mode: horizontal-tb; }}
.mistakes {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 1.5rem; }}
figure {{ margin: 0; }}
figcaption b {{ color: {COLOURS.foreground}; }}
.probabilities td, .probabilities th {{ font-size: 0.8rem; padding: 0 0.4rem 0 0; }}
.bar {{ display: inline-block; height: 0.6rem; background: {COLOURS.accent}; }}
.truth {{ background: {COLOURS.good}; }}
pre {{ background: {COLOURS.surface}; padding: 1rem; overflow: auto; }}
"""


def evaluation_html(document: EvaluationDocument) -> bytes:
    """Return the report as an HTML document in UTF-8."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width"),
        element("title", title(document)),
        element("style", STYLE),
    )
    body = element(
        "body",
        element("h1", title(document)),
        element("p", subject(document), class_="muted"),
        *(element("p", notice, class_="notice") for notice in notices(document)),
        *_summary(document),
        element("h2", "Classes"),
        _classes(document),
        element("h2", "Confusion matrix"),
        element("p", "Rows: true class. Columns: predicted class. Darker: a larger share of the row.", class_="muted"),
        element("div", _confusion(document), class_="scroll"),
        *_reliability(document),
        *_robustness(document),
        element("h2", "Mistakes"),
        element("p", mistakes_caption(document), class_="muted"),
        element("div", *(_mistake(document, each) for each in document.mistakes), class_="mistakes"),
        element("h2", "Settings"),
        element("p", ", ".join(f"{name} {version}" for name, version in document.versions.items()), class_="muted"),
        element("pre", document.settings),
    )
    return html_text(element("html", head, body, lang="en")).encode()


def _summary(document: EvaluationDocument) -> Iterator[ET.Element]:
    yield element(
        "p",
        element("span", format_accuracy(document.evaluation.accuracy), class_="accuracy"),
        f" accuracy (95 % interval: {interval(document)})",
    )
    verdict = worth(document)
    if verdict is not None:
        yield element("p", verdict)
    yield table(["Metric", "Value"], [[name, value] for name, value in facts(document)], class_="facts")


def _classes(document: EvaluationDocument) -> ET.Element:
    evaluation = document.evaluation
    rows: list[list[Content]] = [_scores(each.name, each, f"{each.support:,}") for each in evaluation.per_class]
    rows.append(_scores("mean over the classes", evaluation.macro, ""))
    rows.append(_scores("mean weighted by images", evaluation.weighted, f"{evaluation.n:,}"))
    return table(["Class", "Precision", "Recall", "F1", "Images"], rows, class_="classes")


def _scores(name: str, scores: ClassReport | Averages, images: str) -> list[Content]:
    shares = (scores.precision, scores.recall, scores.f1)
    return [name, *(format_percent(share) for share in shares), images]


def _confusion(document: EvaluationDocument) -> ET.Element:
    classes = document.classes
    head = element("tr", element("th"), *(element("th", name, scope="col") for name in classes))
    rows = [
        element(
            "tr",
            element("th", classes[truth], scope="row"),
            *(_cell(count, sum(counts), is_correct=predicted == truth) for predicted, count in enumerate(counts)),
        )
        for truth, counts in enumerate(document.evaluation.confusion)
    ]
    return element("table", element("thead", head), element("tbody", *rows), class_="confusion")


def _cell(count: int, total: int, *, is_correct: bool) -> ET.Element:
    """Return a cell of the confusion matrix, shaded by its share of the row."""
    if count == 0:
        return element("td")
    red, green, blue = bytes.fromhex((COLOURS.good if is_correct else COLOURS.bad).removeprefix("#"))
    opacity = 0.5 * count / total if is_correct else min(0.06 + 1.5 * count / total, 0.6)
    return element("td", f"{count}", style=f"background: rgba({red}, {green}, {blue}, {opacity:.3f})")


def _reliability(document: EvaluationDocument) -> Iterator[ET.Element]:
    if document.evaluation.reliability:
        yield element("h2", "Reliability")
        yield element("p", SUMMARY, class_="muted")
        yield reliability_svg(document.evaluation.reliability)


def _robustness(document: EvaluationDocument) -> Iterator[ET.Element]:
    robustness, rows = document.robustness, list(robustness_rows(document))
    if robustness is not None:
        yield element("h2", "Robustness")
        caption = f"Accuracy on {robustness.n:,} corrupted images; without corruption, it is"
        yield element("p", f"{caption} {format_percent(robustness.accuracy)}.", class_="muted")
        strengths = max(map(len, rows)) - 2
        yield table(["Corruption", "Unit", *(f"Strength {n + 1}" for n in range(strengths))], rows, class_="robustness")


def _mistake(document: EvaluationDocument, mistake: Prediction) -> ET.Element:
    data = base64.b64encode(png(mistake.pixels, mistake.image_shape)).decode()
    caption = element(
        "figcaption",
        element("b", document.classes[mistake.truth]),
        f" predicted as {verdict_on(document, mistake)} (image {mistake.index:,})",
    )
    rows = [
        element(
            "tr",
            element("th", document.classes[label], scope="row"),
            element("td", format_percent(probability)),
            element(
                "td",
                element(
                    "span",
                    class_="bar truth" if label == mistake.truth else "bar",
                    style=f"width: {5 * probability:.2f}rem",
                ),
                style="text-align: left",
            ),
        )
        for label, probability in top_probabilities(mistake)
    ]
    image = element("img", src=f"data:image/png;base64,{data}", alt=f"image {mistake.index}")
    return element("figure", image, caption, element("table", element("tbody", *rows), class_="probabilities"))
