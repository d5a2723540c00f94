"""Published data sets as tensors, compared with torchvision's, and training on a small CIFAR-10."""

import random
from pathlib import Path

import msgspec
import pytest
import torch

from fashion_tui.data.files import find
from fashion_tui.data.published import DatasetSource
from fashion_tui.data.sources import CIFAR10, EMNIST_LETTERS, KMNIST, MNIST, SOURCES
from fashion_tui.lab.data.datasets import load
from fashion_tui.lab.evaluation.metrics import predict_logits
from fashion_tui.lab.training.loop import Training
from fashion_tui.schema.builtin_recipes import QUICK
from fashion_tui.schema.recipe import adapt
from tests.data.conftest import small_set


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("source", [MNIST, KMNIST, EMNIST_LETTERS], ids=lambda source: source.name)
def test_images_and_labels_equal_those_of_torchvision(
    source: DatasetSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchvision import datasets  # noqa: PLC0415 - takes seconds to import

    small = small_set(source)
    monkeypatch.setitem(SOURCES, source.name, small.source)
    small.write(tmp_path)
    dataset = load(find(source.name, tmp_path))
    for images, train in ((dataset.train, True), (dataset.test, False)):
        if source is EMNIST_LETTERS:  # torchvision doesn't transpose the images, and calls the first class "N/A"
            theirs = datasets.EMNIST(tmp_path, split="letters", train=train)
            pixels, labels = theirs.data.transpose(1, 2), theirs.targets - 1
        else:
            theirs = getattr(datasets, source.folder.split("/")[0])(tmp_path, train=train)
            pixels, labels = theirs.data, theirs.targets
        assert torch.equal(images.pixels.squeeze(1), pixels)
        assert torch.equal(images.labels, labels)


def coloured_image(rng: random.Random, label: int) -> bytes:
    """Draw an image whose colours depend on the class: red and green change from class to class, blue is random."""
    red, green = 20 + 23 * label, 20 + 23 * (label * 3 % 10)
    return b"".join(bytes(level + rng.randrange(8) for _ in range(1024)) for level in (red, green, rng.randrange(200)))


def test_a_small_cifar10_is_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = small_set(CIFAR10, train=250, test=60, draw=coloured_image)
    monkeypatch.setitem(SOURCES, "cifar10", small.source)
    small.write(tmp_path)
    dataset = load(find("cifar10", tmp_path))
    assert dataset.train.shape == (3, 32, 32)
    recipe = msgspec.structs.replace(adapt(QUICK, dataset.info), epochs=4, batch_size=25)
    assert recipe.mean == pytest.approx(dataset.info.mean, abs=1e-4)
    training = Training(recipe, dataset.train, classes=10, device=torch.device("cpu"), seed=0)
    while training.epoch < recipe.epochs:
        for _ in training.steps():
            pass
        training.end_epoch()
    logits = predict_logits(training.model, dataset.test.pixels, recipe, torch.device("cpu"))
    accuracy = (logits.argmax(dim=1) == dataset.test.labels).float().mean()
    assert accuracy > 0.9
