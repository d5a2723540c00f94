"""The audit of a small data set with planted duplicates and wrong labels."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import torch

from fashion_tui.data.datasets import find
from fashion_tui.data.stored import StoredImages, describe
from fashion_tui.lab.audit import cross_validation
from fashion_tui.lab.audit.audit import FOLDS, audit_dataset
from fashion_tui.lab.audit.cross_validation import CrossValidation, assign_folds
from fashion_tui.lab.data.datasets import Dataset, Images, load
from fashion_tui.lab.evaluation.metrics import Cancelled
from fashion_tui.lab.training.loop import Training
from fashion_tui.schema.audit import ImageKey
from fashion_tui.schema.builtin_recipes import QUICK
from fashion_tui.schema.dataset import DatasetRef

CPU = torch.device("cpu")
CLASSES = ("north", "east", "south", "west")


def striped(count: int, seed: int = 0) -> Images:
    """Return images that are easy to classify: noise, and a bright row whose position is the class."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 4, (count,), generator=generator)
    pixels = torch.randint(0, 120, (count, 1, 16, 16), generator=generator, dtype=torch.uint8)
    pixels[torch.arange(count), 0, 4 * labels + 2] = 220
    return Images(pixels, labels)


def dataset_of(train: Images, test: Images) -> Dataset:
    arrays = [StoredImages(images.pixels.numpy(), images.labels.numpy()) for images in (train, test)]
    ref = DatasetRef(name="synthetic", directory=None, sha256="ab" * 32)
    return Dataset(describe(ref, "stripes", CLASSES, *arrays, flips=False), train, test)


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cross_validation, "MIN_STEPS", 25)


def test_planted_problems_are_found_and_the_result_is_reproducible() -> None:
    train, test = striped(300), striped(60, seed=1)
    wrong: dict[ImageKey, int] = {("train", 7): 3, ("train", 250): 2, ("test", 20): 1}
    for (split, index), offset in wrong.items():
        labels = (train if split == "train" else test).labels
        labels[index] = (labels[index] + offset) % 4
    test.pixels[3], test.labels[3] = train.pixels[11], train.labels[11]
    train.pixels[30], train.labels[30] = train.pixels[12] // 10 * 9, train.labels[12]
    steps: list[tuple[int, int]] = []
    audit = audit_dataset(dataset_of(train, test), device=CPU, progress=lambda *step: steps.append(step))

    assert [(each.images[0].key, each.images[1].key) for each in audit.of_kind("exact")] == [
        (("train", 11), ("test", 3))
    ]
    assert [tuple(image.key for image in each.images) for each in audit.of_kind("near")] == [
        (("train", 12), ("train", 30))
    ]
    found = {each.images[0].key: each for each in audit.of_kind("label")}
    assert {each.images[0].key for each in audit.of_kind("label")[:3]} == set(wrong)
    for (split, index), offset in wrong.items():
        given = int((train if split == "train" else test).labels[index])
        assert found[split, index].images[0].label == given
        assert found[split, index].suggested == (given - offset) % 4
    assert audit.accuracy == pytest.approx(357 / 360, abs=0.02)
    assert audit.images == 360
    assert steps == sorted(steps)
    assert steps[-1][0] == steps[-1][1]
    assert len({total for _, total in steps}) == 1

    torch.manual_seed(5)
    before = torch.get_rng_state()
    assert audit_dataset(dataset_of(train, test), device=CPU) == audit
    assert torch.equal(torch.get_rng_state(), before)


def test_most_of_the_first_labels_are_those_changed_at_random_in_fashion_mnist(real_data: Path) -> None:
    """2 % of the labels are changed. The set is small so that the test is fast; the whole set gives a higher share."""
    whole = load(find("fashion-mnist", real_data))
    labels, changed = whole.train.labels[:6000].clone(), torch.arange(0, 6000, 50)
    labels[changed] = (labels[changed] + 1 + torch.arange(len(changed)) % 9) % 10
    dataset = replace(whole, train=Images(whole.train.pixels[:6000], labels), test=whole.test[:100])
    audit = audit_dataset(dataset, device=CPU)
    suspects = [each.images[0].index for each in audit.of_kind("label") if each.images[0].split == "train"]
    found = set(suspects[: len(changed)]) & set(changed.tolist())
    assert len(found) / len(changed) > 0.6


def test_images_are_predicted_by_networks_that_have_not_seen_them() -> None:
    """The labels of these images are random. Only a network that has seen an image can predict its label."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (160, 1, 16, 16), generator=generator, dtype=torch.uint8)
    labels = torch.randint(0, 2, (160,), generator=generator)
    dataset = dataset_of(Images(pixels, labels), Images(pixels[:6], labels[:6]))
    recipe = msgspec.structs.replace(QUICK, epochs=15, batch_size=16)
    probabilities = CrossValidation(dataset, recipe, folds=2, device=CPU, seed=0).predict()
    train_accuracy = (probabilities[:160].argmax(dim=1) == labels).float().mean()
    assert train_accuracy < 0.65
    training = Training(recipe, dataset.train[:80], device=CPU, seed=0)
    for _ in range(15):
        list(training.steps())
        training.end_epoch()
    assert training.correct.sum() / 80 > 0.9, "the images can be memorised"


def test_the_images_of_each_class_are_spread_evenly_over_the_folds() -> None:
    labels = torch.randint(0, 7, (500,), generator=torch.Generator().manual_seed(0))
    fold = assign_folds(labels, 4, seed=0)
    counts = torch.stack([torch.bincount(labels[fold == number], minlength=7) for number in range(4)])
    assert (counts.max(dim=0).values - counts.min(dim=0).values).max() <= 1
    assert counts.sum() == 500
    assert torch.equal(assign_folds(labels, 4, seed=0), fold)
    assert not torch.equal(assign_folds(labels, 4, seed=1), fold)


@pytest.mark.parametrize("count", [1, 2 * FOLDS - 1])
def test_the_labels_of_too_few_images_are_not_judged(count: int) -> None:
    images = striped(count)
    audit = audit_dataset(dataset_of(images, images), device=CPU)
    assert audit.accuracy is None
    assert audit.of_kind("label") == ()
    assert len(audit.of_kind("exact")) == count


def test_the_labels_of_a_single_class_are_not_judged() -> None:
    images = replace(striped(50), labels=torch.zeros(50, dtype=torch.int64))
    assert audit_dataset(dataset_of(images, images[:0]), device=CPU).accuracy is None


@pytest.mark.parametrize("when", [0, 3, 20])
def test_an_audit_can_be_cancelled_at_any_time(when: int) -> None:
    asked = 0

    def should_stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > when

    with pytest.raises(Cancelled):
        audit_dataset(dataset_of(striped(60), striped(20)), device=CPU, should_stop=should_stop)
    assert asked == when + 1
