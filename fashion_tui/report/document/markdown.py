"""A report about an evaluation as a Markdown file, with its images as files in a folder beside it."""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from fashion_tui.report.confusion import LARGE_CONFUSION
from fashion_tui.report.evaluation import MAX_CONFUSIONS, MAX_MATRIX_CLASSES
from fashion_tui.report.formatting import format_accuracy, format_percent
from fashion_tui.schema.evaluation import Averages, ClassReport
from fashion_tui.schema.text import printable

from .content import (
    EvaluationDocument,
    facts,
    interval,
    largest_confusions,
    mistakes_caption,
    notices,
    robustness_rows,
    subject,
    title,
    top_probabilities,
    verdict_on,
    worth,
)
from .elements import svg_text
from .images import png
from .reliability import SUMMARY, reliability_svg

RELIABILITY_FILE = "reliability.svg"

_SPECIAL = re.compile(r"[\\`*_\[\]<>|&~$#!(){}:]|(?<=www)\.", re.IGNORECASE)
"""Characters that have a meaning in Markdown, or in an extension of it, within a line. `www.` begins a link."""


def evaluation_markdown(document: EvaluationDocument, folder: str) -> bytes:
    """Return the report as Markdown in UTF-8. `folder` is the name of the folder that contains `image_files`."""
    return "\n".join(_lines(document, quote(folder))).encode() + b"\n"


def image_files(document: EvaluationDocument) -> dict[str, bytes]:
    """Return the files to which the Markdown refers, by name."""
    files = {_image_name(mistake.index): png(mistake.pixels, mistake.image_shape) for mistake in document.mistakes}
    if document.evaluation.reliability:
        files[RELIABILITY_FILE] = svg_text(reliability_svg(document.evaluation.reliability)).encode()
    return files


def escape(text: str) -> str:
    """Return text as Markdown that shows exactly this text, on one line."""
    escaped = _SPECIAL.sub(lambda match: f"\\{match[0]}", printable(text))
    return escaped.replace("@", "@<!-- -->")  # GitHub links e-mail addresses even if the @ is escaped


def _lines(document: EvaluationDocument, folder: str) -> Iterator[str]:
    yield f"# {escape(title(document))}"
    yield ""
    yield escape(subject(document))
    yield ""
    for notice in notices(document):
        yield f"**{escape(notice)}**"
        yield ""
    yield f"**{format_accuracy(document.evaluation.accuracy)}** accuracy (95 % interval: {interval(document)})"
    yield ""
    verdict = worth(document)
    if verdict is not None:
        yield from (escape(verdict), "")
    yield from _table(["Metric", "Value"], [[name, escape(value)] for name, value in facts(document)])
    yield from _classes(document)
    yield from _confusions(document)
    if document.evaluation.reliability:
        yield from ("## Reliability", "", SUMMARY, "", f"![Reliability diagram]({folder}/{RELIABILITY_FILE})", "")
    yield from _robustness(document)
    yield from _mistakes(document, folder)
    yield from ("## Settings", "")
    yield escape(", ".join(f"{name} {version}" for name, version in document.versions.items()))
    yield ""
    yield from _code("toml", document.settings)


def _classes(document: EvaluationDocument) -> Iterator[str]:
    evaluation = document.evaluation
    rows = [_scores(escape(each.name), each, f"{each.support:,}") for each in evaluation.per_class]
    rows.append(_scores("*mean over the classes*", evaluation.macro, ""))
    rows.append(_scores("*mean weighted by images*", evaluation.weighted, f"{evaluation.n:,}"))
    yield from ("## Classes", "")
    yield from _table(["Class", "Precision", "Recall", "F1", "Images"], rows)


def _scores(name: str, scores: ClassReport | Averages, images: str) -> list[str]:
    shares = (scores.precision, scores.recall, scores.f1)
    return [name, *(format_percent(share) for share in shares), images]


def _confusions(document: EvaluationDocument) -> Iterator[str]:
    names, confusion = [escape(name) for name in document.classes], document.evaluation.confusion
    yield from ("## Confusion matrix", "")
    if len(names) <= MAX_MATRIX_CLASSES:
        yield f"Rows: true class. Columns: predicted class. Bold: at least {LARGE_CONFUSION * 100:.0f} % of the row."
        yield ""
        rows = [
            [names[truth], *(_cell(count, sum(counts)) for count in counts)] for truth, counts in enumerate(confusion)
        ]
        yield from _table(["", *names], rows)
    yield from ("The most frequent confusions:", "")
    yield from _table(
        ["True class", "Predicted class", "Images", "Share of the true class"],
        [
            [names[truth], names[predicted], f"{count:,}", format_percent(count / sum(confusion[truth]))]
            for truth, predicted, count in largest_confusions(document, MAX_CONFUSIONS)
        ],
    )


def _cell(count: int, total: int) -> str:
    if count == 0:
        return ""
    return f"**{count}**" if count / total >= LARGE_CONFUSION else f"{count}"


def _robustness(document: EvaluationDocument) -> Iterator[str]:
    robustness, rows = document.robustness, list(robustness_rows(document))
    if robustness is not None:
        yield from ("## Robustness", "")
        caption = f"Accuracy on {robustness.n:,} corrupted images; without corruption, it is"
        yield from (f"{caption} {format_percent(robustness.accuracy)}.", "")
        strengths = max(map(len, rows)) - 2
        yield from _table(["Corruption", "Unit", *(f"Strength {n + 1}" for n in range(strengths))], rows)


def _mistakes(document: EvaluationDocument, folder: str) -> Iterator[str]:
    yield from ("## Mistakes", "", mistakes_caption(document), "")
    rows = []
    for mistake in document.mistakes:
        probabilities = ", ".join(
            f"{escape(document.classes[label])} {format_percent(probability)}"
            for label, probability in top_probabilities(mistake)[:3]
        )
        picture = f"![image {mistake.index}]({folder}/{_image_name(mistake.index)})"
        truth = escape(document.classes[mistake.truth])
        rows.append([picture, f"{mistake.index:,}", truth, escape(verdict_on(document, mistake)), probabilities])
    if rows:
        yield from _table(["Image", "Index", "True class", "Prediction", "Probabilities"], rows)


def _image_name(index: int) -> str:
    return f"image-{index:05}.png"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table. All columns but the first are aligned to the right."""
    yield f"| {' | '.join(header)} |"
    yield f"| --- |{' --: |' * (len(header) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _code(language: str, text: str) -> Iterator[str]:
    """Yield a fenced code block. The fence is longer than any run of backticks in the text."""
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield f"{fence}{language}"
    yield from (printable(line) for line in text.splitlines())
    yield fence
