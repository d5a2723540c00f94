"""The content of a report about an evaluation, which is the same in all formats."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fashion_tui.report.baselines import baselines_verdict, named_baselines
from fashion_tui.report.evaluation import empty_classes, images_text, invalid_outputs
from fashion_tui.report.formatting import format_accuracy, format_loss, format_percent
from fashion_tui.report.glyphs import UNICODE
from fashion_tui.schema.baselines import Baselines
from fashion_tui.schema.dataset import SYNTHETIC_NOTICE
from fashion_tui.schema.evaluation import Evaluation, Prediction
from fashion_tui.schema.robustness import Robustness

MAX_MISTAKES = 24
"""Maximum number of mistakes in a report: those with the highest loss."""

MAX_PROBABILITIES = 5
"""Number of classes whose probabilities are shown with a mistake, if there are more than ten."""

Row = tuple[str, str]
"""The name and the value of a fact."""


@dataclass(frozen=True, kw_only=True)
class EvaluationDocument:
    """What a report about an evaluation consists of."""

    evaluation: Evaluation
    dataset: str
    """Name of the data set or, if it is a folder with the user's images, of the folder."""
    mistakes: tuple[Prediction, ...]
    """At most MAX_MISTAKES mistakes, highest loss first."""
    mistake_count: int
    """Number of all mistakes."""
    settings: str
    """The settings of the run, as TOML."""
    versions: Mapping[str, str]
    """Versions of the libraries with which the run was trained."""
    baselines: Baselines | None = None
    robustness: Robustness | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(report.name for report in self.evaluation.per_class)


def title(document: EvaluationDocument) -> str:
    return f"Evaluation of {document.evaluation.run}"


def subject(document: EvaluationDocument) -> str:
    """Say what was evaluated: `epoch 3, step 1,125, on 10,000 test images of fashion-mnist`."""
    evaluation = document.evaluation
    images = f"{images_text(evaluation)} of {document.dataset}"
    return f"epoch {evaluation.epoch}, step {evaluation.step:,}, on {images}"


def notices(document: EvaluationDocument) -> Iterator[str]:
    """Yield notices that the reader has to see before the numbers."""
    evaluation = document.evaluation
    if evaluation.dataset == "synthetic":
        yield SYNTHETIC_NOTICE
    if evaluation.invalid:
        yield invalid_outputs(evaluation.invalid, evaluation.n)
    empty = empty_classes(evaluation.per_class, UNICODE)
    if empty is not None:
        yield empty


def facts(document: EvaluationDocument) -> Iterator[Row]:
    """Yield the metrics of the whole set, except for the accuracy."""
    evaluation = document.evaluation
    yield "Top-2 accuracy", format_accuracy(evaluation.top2)
    if evaluation.accuracy_with_flips is not None:
        yield "Accuracy with mirrored images", format_accuracy(evaluation.accuracy_with_flips)
    yield "Loss (cross-entropy)", format_loss(evaluation.loss)
    yield "Expected calibration error", format_percent(evaluation.ece)
    yield "Macro F1", format_percent(evaluation.macro.f1)
    yield "Mistakes", f"{document.mistake_count:,}"
    if document.baselines is not None:
        for name, accuracy in named_baselines(document.baselines).items():
            yield f"Accuracy of {name}", format_accuracy(accuracy)


def robustness_rows(document: EvaluationDocument) -> Iterator[tuple[str, ...]]:
    """Yield for each corruption its name, its unit, and its accuracy at each strength."""
    for curve in () if document.robustness is None else document.robustness.curves:
        pairs = zip(curve.strengths, curve.accuracies, strict=True)
        cells = (f"{strength:.3g}: {format_percent(accuracy)}" for strength, accuracy in pairs)
        yield curve.corruption, curve.unit, *cells


def worth(document: EvaluationDocument) -> str | None:
    """Say how much better the network is than simple models, or return None if these weren't evaluated."""
    baselines = document.baselines
    return None if baselines is None else baselines_verdict(document.evaluation, baselines)


def interval(document: EvaluationDocument) -> str:
    """Return the confidence interval of the accuracy: `89.71 % to 90.88 %`."""
    low, high = document.evaluation.interval
    return f"{format_accuracy(low)} to {format_accuracy(high)}"


def mistakes_caption(document: EvaluationDocument) -> str:
    """Say which mistakes are shown."""
    shown, total = len(document.mistakes), document.mistake_count
    if total == 0:
        return "The network classifies all images correctly."
    if shown == total:
        return "All mistakes, those with the highest loss first."
    return f"The {shown} mistakes with the highest loss, of {total:,}."


def verdict_on(document: EvaluationDocument, mistake: Prediction) -> str:
    """Say what the network predicted instead of the true class."""
    if mistake.predicted is None:
        return "no prediction: the probabilities aren't numbers"
    return f"{document.classes[mistake.predicted]}, {format_percent(mistake.confidence)}"


def top_probabilities(mistake: Prediction) -> list[tuple[int, float]]:
    """Return the classes to show with their probabilities, most probable first.

    If there are many classes, these are the most probable ones and the true one.
    """
    if mistake.predicted is None:
        return []
    order = sorted(enumerate(mistake.probabilities), key=lambda pair: (-pair[1], pair[0]))
    if len(order) <= 10:
        return order
    shown = order[:MAX_PROBABILITIES]
    return shown + [pair for pair in order[MAX_PROBABILITIES:] if pair[0] == mistake.truth]


def largest_confusions(document: EvaluationDocument, limit: int) -> list[tuple[int, int, int]]:
    """Return the most frequent confusions as (true class, predicted class, number of images)."""
    found = [
        (truth, predicted, count)
        for truth, counts in enumerate(document.evaluation.confusion)
        for predicted, count in enumerate(counts)
        if count and truth != predicted
    ]
    return sorted(found, key=lambda each: (-each[2], each[:2]))[:limit]
