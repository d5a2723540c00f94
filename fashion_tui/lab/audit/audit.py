"""The label audit of a data set: duplicates, and labels that are probably wrong."""

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from fashion_tui.lab.data.datasets import Dataset
from fashion_tui.schema.audit import Audit, Finding, LabelledImage
from fashion_tui.schema.builtin_recipes import QUICK
from fashion_tui.schema.recipe import Recipe, adapt

from .confident_learning import find_label_issues
from .cross_validation import CrossValidation
from .duplicates import PixelRows, exact_groups, near_groups

FOLDS = 3


def audit_dataset(  # noqa: PLR0913
    dataset: Dataset,
    *,
    recipe: Recipe = QUICK,
    device: torch.device,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Audit:
    """Find duplicates among all images, and images whose label is probably wrong.

    To judge the labels, networks are trained on `device` with `recipe`, adapted to the data set, on parts of the
    training set. The same data set, recipe, seed, device and number of threads give the same result.

    `progress` is called with the number of images processed so far and in total. Raises Cancelled soon after
    `should_stop` returns True.
    """
    count = len(dataset.train) + len(dataset.test)
    folds = None
    if can_judge(dataset):
        folds = CrossValidation(dataset, adapt(recipe, dataset.info), folds=FOLDS, device=device, seed=seed)
    work = count + (0 if folds is None else folds.work)
    images = _Images(dataset)
    findings = list(_duplicates(images, lambda done: progress(done, work), should_stop))
    accuracy = None
    if folds is not None:
        probabilities = folds.predict(lambda done: progress(count + done, work), should_stop)
        accuracy = (probabilities.argmax(dim=1) == images.labels).double().mean().item()
        findings += _label_findings(images, probabilities)
    return Audit(ref=dataset.ref, classes=dataset.classes, images=count, findings=tuple(findings), accuracy=accuracy)


def can_judge(dataset: Dataset) -> bool:
    """Return whether the training set has enough images, and more than one class, to judge the labels."""
    return len(dataset.train) >= 2 * FOLDS and len(dataset.train.labels.unique()) > 1


class _Images:
    """All images of a data set. The indices of the test images follow those of the training images."""

    def __init__(self, dataset: Dataset) -> None:
        self.rows = PixelRows([dataset.train.pixels, dataset.test.pixels])
        self.labels = torch.cat([dataset.train.labels, dataset.test.labels])
        self._train_size = len(dataset.train)

    def described(self, indices: Iterable[int]) -> tuple[LabelledImage, ...]:
        return tuple(
            LabelledImage(split="train", index=index, label=int(self.labels[index]))
            if index < self._train_size
            else LabelledImage(split="test", index=index - self._train_size, label=int(self.labels[index]))
            for index in indices
        )


def _duplicates(images: _Images, progress: Callable[[int], None], should_stop: Callable[[], bool]) -> Iterator[Finding]:
    identical = exact_groups(images.rows, should_stop)
    for group in identical:
        if len(group) > 1:
            yield Finding(kind="exact", images=images.described(group), score=1.0)
    for similar in near_groups(images.rows, identical, progress=progress, should_stop=should_stop):
        yield Finding(kind="near", images=images.described(similar.images), score=similar.correlation)


def _label_findings(images: _Images, probabilities: Tensor) -> Iterator[Finding]:
    issues = find_label_issues(probabilities, images.labels)
    for index, suggested, score in zip(
        issues.indices.tolist(), issues.suggested.tolist(), issues.scores.tolist(), strict=True
    ):
        yield Finding(kind="label", images=images.described([index]), score=score, suggested=suggested)
