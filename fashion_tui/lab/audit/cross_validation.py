"""Predict every image of a data set with a network that was trained without it."""

import math
from collections.abc import Callable, Iterator

import msgspec
import torch
from torch import Tensor

from fashion_tui.lab.data.datasets import Dataset, Images
from fashion_tui.lab.evaluation.metrics import Cancelled, predict_logits
from fashion_tui.lab.rng import Purpose, generator_for, preserve_rng_state
from fashion_tui.lab.training.loop import Training
from fashion_tui.schema.recipe import Recipe

MIN_STEPS = 500
"""Minimum number of steps for which each network is trained. With a small data set, this takes several epochs."""


class CrossValidation:
    """Trains one network per fold, on the training images of all other folds, and predicts the images of the fold.

    The images of the test set are predicted in the same way, but no network is trained on them.
    """

    def __init__(self, dataset: Dataset, recipe: Recipe, *, folds: int, device: torch.device, seed: int) -> None:
        """Assign the images to folds. The training set must have at least two images per fold."""
        self._train, self._test = dataset.train, dataset.test
        self._classes = len(dataset.classes)
        self._device = device
        self._seed = seed
        self._folds = range(folds)
        self._train_fold = assign_folds(self._train.labels, folds, seed)
        self._test_fold = assign_folds(self._test.labels, folds, seed)
        sizes = (len(self._train) - torch.bincount(self._train_fold, minlength=folds)).tolist()
        self._recipes = [_for_size(recipe, size) for size in sizes]
        self.work = (
            len(self._train)
            + len(self._test)
            + sum(each.epochs * size for each, size in zip(self._recipes, sizes, strict=True))
        )
        """Number of images that `predict` processes. An image counts each time that it is processed."""

    def predict(
        self, progress: Callable[[int], None] = lambda _done: None, should_stop: Callable[[], bool] = lambda: False
    ) -> Tensor:
        """Return the predicted probabilities of all images, training images first, float32 `[N, C]`.

        The same data set, recipe, seed, device and number of threads give the same result. `progress` is called with
        the number of images processed so far. Raises Cancelled soon after `should_stop` returns True.
        """
        probabilities = torch.empty(len(self._train) + len(self._test), self._classes)
        done = 0
        with preserve_rng_state(self._device):
            for fold, recipe in zip(self._folds, self._recipes, strict=True):
                training = self._training(fold, recipe)
                while training.epoch < recipe.epochs:
                    for _ in training.steps():
                        _stop_if(should_stop)
                        progress(done + training.images_seen)
                    training.end_epoch()
                done += training.images_seen
                train, test = self._train_fold == fold, self._test_fold == fold
                images = _Joined(self._train[train], self._test[test])
                with training.evaluation():
                    logits = predict_logits(training.model, images, recipe, self._device, should_stop=should_stop)
                probabilities[torch.cat([train, test])] = logits.softmax(dim=1)
                done += len(images)
                progress(done)
        return probabilities

    def _training(self, fold: int, recipe: Recipe) -> Training:
        images = self._train[self._train_fold != fold]
        return Training(recipe, images, classes=self._classes, device=self._device, seed=self._seed + fold)


class _Joined:
    """The pixels of two selections of images, copied one batch at a time."""

    def __init__(self, first: Images, second: Images) -> None:
        self._first, self._second = first, second

    def __len__(self) -> int:
        return len(self._first) + len(self._second)

    def split(self, sizes: list[int], /) -> Iterator[Tensor]:
        start, end = 0, len(self._first)
        for size in sizes:
            indices = torch.arange(start, start + size)
            first, second = indices[indices < end], indices[indices >= end] - end
            yield torch.cat([self._first.gather(first), self._second.gather(second)])
            start += size


def assign_folds(labels: Tensor, folds: int, seed: int) -> Tensor:
    """Return the fold of each image, int64 `[N]`. The images of each class are assigned to the folds in turn."""
    shuffled = torch.randperm(len(labels), generator=generator_for(seed, Purpose.FOLDS))
    by_class = shuffled[labels[shuffled].argsort(stable=True)]
    fold = torch.empty_like(labels)
    fold[by_class] = torch.arange(len(labels)) % folds
    return fold


def _for_size(recipe: Recipe, images: int) -> Recipe:
    """Return the recipe with enough epochs for this number of images, and a batch size of at most this number."""
    batch_size = min(recipe.batch_size, images)
    steps_per_epoch = math.ceil(images / batch_size)
    epochs = max(recipe.epochs, math.ceil(MIN_STEPS / steps_per_epoch))
    return msgspec.structs.replace(recipe, batch_size=batch_size, epochs=epochs)


def _stop_if(should_stop: Callable[[], bool]) -> None:
    if should_stop():
        raise Cancelled
