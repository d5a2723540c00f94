"""Requests for the predictions of a run's network, and for metrics."""

from typing import Literal

from fashion_tui.schema.evaluation import EvaluationSplit, PredictionOrder

from .request import Request


class Evaluate(Request, frozen=True, kw_only=True):
    """Ask for the metrics of a checkpoint on a split; the reply is an Evaluation.

    If the recipe flips images, the mirror images are evaluated, too. Progress is reported as a number of images. Fails
    with UntrustedSource if the run's network is code that the user has neither executed before nor trusted.
    """

    run_path: str
    checkpoint: str
    """`final`, `best`, or a step number."""
    split: EvaluationSplit = "test"


class GetPredictions(Request, frozen=True, kw_only=True):
    """Ask for predictions of a checkpoint on a split; the reply is a PredictionPage.

    Evaluates the checkpoint first if necessary. Fails in the same cases as Evaluate.
    """

    run_path: str
    checkpoint: str
    """`final`, `best`, or a step number."""
    split: EvaluationSplit = "test"
    outcome: Literal["all", "wrong", "correct"]
    """Which predictions to include."""
    truth: int | None
    """True class of the images, or None for all classes."""
    predicted: int | None
    """Predicted class of the images, or None for all classes."""
    indices: tuple[int, ...] | None = None
    """Indices of the images in the test or training set, or None for all images of the split."""
    sort: PredictionOrder
    offset: int
    limit: int
    """Maximum number of predictions to return."""


class WritePredictions(Request, frozen=True, kw_only=True):
    """Ask to write the predictions of a checkpoint on a split to a CSV file; the reply is a PredictionsFile.

    Evaluates the checkpoint first if necessary. Progress is reported as a number of images. Fails in the same cases as
    Evaluate.
    """

    run_path: str
    checkpoint: str
    """`final`, `best`, or a step number."""
    split: EvaluationSplit = "test"
    output: str
    """Path of the file to write."""


class GetBaselines(Request, frozen=True, kw_only=True):
    """Ask how accurate simple models are on a run's data set; the reply is a Baselines.

    For the test set, the models are fitted to the whole training set, and for the held-out images, to the rest of it.
    The result is stored on disk. Progress is reported as a percentage.
    """

    run_path: str
    split: EvaluationSplit = "test"


class FindBaselines(Request, frozen=True, kw_only=True):
    """Ask for the stored result of GetBaselines; the reply is a tuple with one Baselines, or an empty tuple."""

    run_path: str
    split: EvaluationSplit = "test"


class MeasureRobustness(Request, frozen=True, kw_only=True):
    """Ask for the accuracy of a checkpoint on corrupted images; the reply is a Robustness.

    Progress is reported as a number of accuracies, with the result so far. Fails in the same cases as Evaluate.
    """

    run_path: str
    checkpoint: str
    """`final`, `best`, or a step number."""
    split: EvaluationSplit = "test"
    max_images: int = 10_000
    """Maximum number of images. A random sample is drawn from a larger split."""


class CompareRuns(Request, frozen=True, kw_only=True):
    """Ask how the predictions of two runs differ on the same images; the reply is a PredictionComparison.

    Evaluates the checkpoints first if necessary. Fails in the same cases as Evaluate, if the runs were trained on
    different data sets, and if some outputs aren't numbers.
    """

    run_path: str
    other_path: str
    checkpoint: str = "final"
    """Checkpoint of the first run: `final`, `best`, or a step number."""
    other_checkpoint: str = "final"
    split: EvaluationSplit = "test"


class Predict(Request, frozen=True, kw_only=True):
    """Ask for predictions of a checkpoint for image files; the reply is a Predicted.

    An image that can't be read doesn't affect the others. Progress is reported as a number of images of the run's data
    set, which are compared with the given images. Fails in the same cases as Evaluate.
    """

    run_path: str
    checkpoint: str
    """`final`, `best`, or a step number."""
    images: tuple[str, ...]
    """Paths of the image files."""
