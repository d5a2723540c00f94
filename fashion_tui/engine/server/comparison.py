"""The handler that compares the predictions of two runs."""

from pathlib import Path

from torch import Tensor

from fashion_tui.lab.evaluation.mcnemar import mcnemar
from fashion_tui.lab.evaluation.metrics import confusion_matrix, has_probabilities
from fashion_tui.runs.compare import check_comparable
from fashion_tui.schema.comparison import PredictionComparison
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.evaluation import EvaluationSplit
from fashion_tui.schema.requests import CompareRuns
from fashion_tui.schema.run import RunConfig

from .cache import Cache
from .connection import CallContext
from .evaluation import EvaluatedRun, open_evaluated


def compare_runs(request: CompareRuns, call: CallContext, cache: Cache) -> PredictionComparison:
    with (
        open_evaluated(Path(request.run_path), request.checkpoint, cache) as first,
        open_evaluated(Path(request.other_path), request.other_checkpoint, cache) as second,
    ):
        check_comparable(first.run, second.run)
        _check_split(request.split, first.config, second.config)
        evaluated = [EvaluatedRun(run, request.split, call, cache) for run in (first, second)]
        labels, classes = evaluated[0].images.labels, evaluated[0].dataset.classes
        predictions = [
            _predictions(each, trained.run.id) for each, trained in zip(evaluated, (first, second), strict=True)
        ]
    correct, other_correct = (predicted == labels for predicted in predictions)
    broken, fixed = (correct & ~other_correct), (other_correct & ~correct)
    confusion, other_confusion = (confusion_matrix(predicted, labels, len(classes)) for predicted in predictions)
    first_index = evaluated[0].parts.first_index
    return PredictionComparison(
        n=len(labels),
        accuracies=(_share(correct), _share(other_correct)),
        mcnemar=mcnemar(int(broken.sum()), int(fixed.sum())),
        broken=tuple((broken.nonzero().flatten() + first_index).tolist()),
        fixed=tuple((fixed.nonzero().flatten() + first_index).tolist()),
        classes=classes,
        confusion_difference=tuple(tuple(row) for row in (other_confusion - confusion).tolist()),
    )


def _check_split(split: EvaluationSplit, config: RunConfig, other: RunConfig) -> None:
    """Raise UserError if the runs held out different images."""
    if split == "validation" and config.validation != other.validation:
        raise UserError(
            f"{config.run} held out {config.validation:,} images and {other.run} {other.validation:,}; compare them on "
            "the test set"
        )


def _predictions(evaluated: EvaluatedRun, run: str) -> Tensor:
    """Return the predicted labels, int64 `[N]`. Raises UserError if some of the run's outputs aren't numbers."""
    logits = evaluated.logits()
    if invalid := int((~has_probabilities(logits)).sum()):
        raise UserError(
            f"can't compare {run}: for {invalid:,} of {len(logits):,} images, its network's outputs aren't numbers; "
            "choose another checkpoint or run"
        )
    return logits.argmax(dim=1)


def _share(correct: Tensor) -> float:
    return correct.double().mean().item()
