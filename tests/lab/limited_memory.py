"""Run the functions named as arguments on a stored data set that is larger than this process's memory limit."""

import resource
import sys
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path

import msgspec
import torch
from torch import Tensor

from fashion_tui.data.stored import read_stored
from fashion_tui.lab.audit import cross_validation
from fashion_tui.lab.data.datasets import Dataset, Images, hold_out
from fashion_tui.lab.evaluation import metrics
from fashion_tui.lab.evaluation.baselines import pixel_features
from fashion_tui.lab.evaluation.metrics import Cancelled, predict_logits
from fashion_tui.lab.evaluation.robustness import robustness_curves, sample
from fashion_tui.lab.training.loop import Training
from fashion_tui.schema.builtin_recipes import GUIDE

MEMORY = 48 << 20
"""Number of bytes that may be allocated beyond those of the libraries and the mapped files."""

CPU = torch.device("cpu")


def one_value(batch: Tensor) -> Tensor:
    return batch.flatten(1)[:, :10].float()


def copy(dataset: Dataset) -> None:
    dataset.train.pixels.clone()


def train(dataset: Dataset) -> None:
    images, validation = hold_out(dataset.train, 1_000, (3, 5))
    training = Training(GUIDE, images, device=CPU, seed=0)
    list(islice(training.steps(), 5))
    assert len(images) + len(validation) == len(dataset.train) - 2


def flip(dataset: Dataset) -> None:
    images = dataset.train.pixels
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    assert len(predict_logits(network, images, GUIDE, CPU, flipped=True)) == len(images)


def validate(dataset: Dataset) -> None:
    """Predict some images of the first fold, without training, which would take long."""
    cross_validation.MIN_STEPS = 0
    metrics.BATCH_SIZE = 32  # for small activations
    recipe = msgspec.structs.replace(GUIDE, epochs=0)
    dataset = replace(dataset, test=dataset.train[:100])
    folds = cross_validation.CrossValidation(dataset, recipe, folds=2, device=CPU, seed=0)
    batches = iter(range(5))
    with suppress(Cancelled):
        folds.predict(should_stop=lambda: next(batches, None) is None)
    assert next(batches, None) is None


def corrupt(dataset: Dataset) -> None:
    images = dataset.train[sample(dataset.train, len(dataset.train) - 1)]
    assert next(iter(robustness_curves(one_value, images)))


def downsample(dataset: Dataset) -> None:
    """View every four images as one of 56×56 pixels, which is larger than MAX_SIDE, and downsample it."""
    pixels = dataset.train.pixels.view(-1, 1, 56, 56)
    assert pixel_features(pixels).shape == (len(pixels), 1024)


def data_bytes() -> int:
    """Return the number of bytes that count towards RLIMIT_DATA."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmData"].split()[0]) << 10


def main(folder: Path, *names: str) -> None:
    torch.set_num_threads(1)
    stored = read_stored(folder)
    assert stored is not None
    parts = (stored.train, stored.test)
    train, test = (Images(torch.from_numpy(part.pixels), torch.from_numpy(part.labels)) for part in parts)
    Training(GUIDE, train[:64], device=CPU, seed=0)  # makes torch import its lazy modules
    for name in names:
        resource.setrlimit(resource.RLIMIT_DATA, (data_bytes() + MEMORY, resource.RLIM_INFINITY))
        globals()[name](Dataset(stored.info, train, test))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
