"""An evaluation of 8 images of three classes, of which the network misclassifies two."""

from collections.abc import Sequence

from fashion_tui.report.document.content import EvaluationDocument
from fashion_tui.schema.evaluation import Averages, ClassReport, Evaluation, Prediction, ReliabilityBin

NAMES = ("T-shirt/top", "Shirt", "Bag")

HOSTILE_NAMES = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'> | `a` **b** [c](http://d) ![e](f) &lt; $x$ \\",
    "</td></table>\n\n# heading\x1b[2J\u202e\t=1+1",
)
"""Class names that would change the document if they weren't escaped."""

COLOUR = (3, 2, 4)
"""Shape of the images."""

PIXELS = tuple(bytes((17 * index + offset) % 256 for index in range(24)) for offset in (0, 100))
"""The pixels of the two mistakes, `[C, H, W]`."""


def document(
    names: Sequence[str] = NAMES, *, run: str = "20261128-1004-guide-a1b2", dataset: str = "garments"
) -> EvaluationDocument:
    evaluation = Evaluation(
        run=run, dataset="folder", split="test", checkpoint="step-1125.pt", step=1_125, epoch=3,
        n=8, accuracy=0.75, interval=(0.4093, 0.9285), top2=0.875, loss=0.6543, ece=0.0625, accuracy_with_flips=None,
        reliability=(
            ReliabilityBin(low=0.0, high=0.5, count=2, confidence=0.45, accuracy=0.5),
            ReliabilityBin(low=0.5, high=1.0, count=6, confidence=0.9, accuracy=5 / 6),
        ),
        macro=Averages(precision=0.7778, recall=0.7222, f1=0.7333),
        weighted=Averages(precision=0.7917, recall=0.7512, f1=0.7501),
        confusion=((3, 0, 0), (1, 2, 1), (0, 0, 1)),
        per_class=(
            ClassReport(name=names[0], precision=0.75, recall=1.0, f1=6 / 7, support=3),
            ClassReport(name=names[1], precision=1.0, recall=0.5, f1=2 / 3, support=4),
            ClassReport(name=names[2], precision=0.5, recall=0.999, f1=0.6789, support=1),
        ),
    )  # fmt: skip
    mistakes = (
        Prediction(index=1_234, truth=1, probabilities=(0.25, 0.125, 0.625), pixels=PIXELS[0], image_shape=COLOUR),
        Prediction(index=7, truth=1, probabilities=(0.5, 0.375, 0.125), pixels=PIXELS[1], image_shape=COLOUR),
    )
    return EvaluationDocument(
        evaluation=evaluation, dataset=dataset, mistakes=mistakes, mistake_count=2,
        settings='# Settings of <b>"</b>\nlr = 0.1\n```\n', versions={"torch": "2.14.1"},
    )  # fmt: skip
