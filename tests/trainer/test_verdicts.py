"""Runs with built-in recipes have no verdicts, and those with wrong settings have the expected ones."""

from pathlib import Path
from statistics import median
from typing import Any

import pytest
import torch

from fashion_tui.lab.data.datasets import Images
from fashion_tui.lab.data.synthetic import draw
from fashion_tui.machine.threads import available_cpus
from fashion_tui.runs.layers import LayerProblem
from fashion_tui.runs.reader import RunReader, RunSnapshot
from fashion_tui.runs.store import open_run
from fashion_tui.runs.verdicts import Overfitting
from fashion_tui.schema.builtin_recipes import GUIDE, QUICK, STRONG
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.recipe import Recipe
from fashion_tui.trainer import metrics

from .in_process import train_in_process
from .trainers import make_run

GARMENTS = Images(*draw(256, seed=0))


def train(folder: Path, recipe: Recipe, images: Images = GARMENTS, **changes: Any) -> RunSnapshot:
    """Train on a few images, and measure every step."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CHUNK_PERIOD", "LAYER_PERIOD", "LAYER_STEPS"):
            patch.setattr(metrics, name, 0)
        options = {"batch_size": 32, "keep_going": True, "validation": 0, "threads": available_cpus()} | changes
        run = make_run(folder, recipe=recipe, **options)
        train_in_process(run, images=images)
    return RunReader(run).poll()


def layer_problems(snapshot: RunSnapshot) -> list[LayerProblem]:
    return [verdict for verdict in snapshot.verdicts if isinstance(verdict, LayerProblem)]


@pytest.mark.parametrize("recipe", [GUIDE, QUICK, STRONG], ids=lambda recipe: recipe.name)
def test_the_recipes_have_no_problems(tmp_path: Path, recipe: Recipe) -> None:
    snapshot = train(tmp_path, recipe)
    assert snapshot.status.step == 16
    assert snapshot.verdicts == ()


def test_a_high_learning_rate_kills_relus(tmp_path: Path) -> None:
    dead, *others = layer_problems(train(tmp_path, GUIDE, learning_rate=0.3))
    assert dead.kind == "dead ReLUs"
    assert dead.layers[-1] == "fc1"
    (no_gradient,) = (problem for problem in others if problem.kind == "no gradient")
    assert no_gradient.layers[:2] == ("conv1", "conv2"), "the gradient doesn't pass dead ReLUs"


def test_a_low_learning_rate_changes_little(tmp_path: Path) -> None:
    (problem,) = layer_problems(train(tmp_path, GUIDE, learning_rate=1e-7, epochs=1))
    assert problem.kind == "small updates"
    assert problem.layers == ("conv1", "conv2", "fc1", "fc2")
    assert -6.5 < problem.value < -5  # Adam changes each weight by up to 1e-7 per step, and the weights are about 0.05


def test_a_network_that_learns_random_labels_overfits(tmp_path: Path) -> None:
    labels = torch.randint(10, (256,), generator=torch.Generator().manual_seed(0))
    snapshot = train(tmp_path, GUIDE, Images(GARMENTS.pixels, labels), validation=128, epochs=25)
    (overfitting,) = snapshot.verdicts
    losses = [epoch.validation_loss for epoch in snapshot.epochs]
    assert isinstance(overfitting, Overfitting)
    assert overfitting.epoch == 1 + losses.index(min(losses))  # type: ignore[type-var]
    assert (overfitting.lowest, overfitting.last) == (min(losses), losses[-1])  # type: ignore[type-var]


def test_the_share_of_the_time_for_images(tmp_path: Path) -> None:
    """The augmentation takes more computation than a linear network, but far less than a deep network."""
    linear = CustomModel(
        source="from torch import nn\n\nclass Net(nn.Sequential):\n"
        "    def __init__(self):\n        super().__init__(nn.Flatten(), nn.Linear(784, 10))\n",
        class_name="Net",
    )
    train(tmp_path / "linear", GUIDE, network=linear, crop=4, erase=20, flip="alternating")
    train(tmp_path / "deep", STRONG, epochs=1)
    shares = {name: median(batch_times(tmp_path / name)) for name in ("linear", "deep")}
    assert 0 < shares["deep"] < 0.2 < shares["linear"] < 1


def batch_times(runs: Path) -> tuple[float, ...]:
    reader = RunReader(open_run(runs, "latest"))
    reader.poll()
    return reader.series("batch_time").values()
