"""Runs with built-in recipes have no layer problems, and those with a wrong learning rate have the expected ones."""

from pathlib import Path

import pytest

from fashion_tui.lab.data.datasets import Images
from fashion_tui.lab.data.synthetic import draw
from fashion_tui.runs.reader import RunReader, RunSnapshot
from fashion_tui.schema.recipe import GUIDE, QUICK, STRONG, Recipe
from fashion_tui.trainer import metrics

from .in_process import train_in_process
from .trainers import make_run

GARMENTS = Images(*draw(256, seed=0))


def train(folder: Path, recipe: Recipe, **changes: object) -> RunSnapshot:
    """Train on a few garments, and measure every step."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CHUNK_PERIOD", "LAYER_PERIOD", "LAYER_STEPS"):
            patch.setattr(metrics, name, 0)
        options = {"batch_size": 32, "keep_going": True, "validation": 0} | changes
        run = make_run(folder, recipe=recipe, **options)  # type: ignore[arg-type]
        train_in_process(run, images=GARMENTS)
    return RunReader(run).poll()


@pytest.mark.parametrize("recipe", [GUIDE, QUICK, STRONG], ids=lambda recipe: recipe.name)
def test_the_recipes_have_no_problems(tmp_path: Path, recipe: Recipe) -> None:
    snapshot = train(tmp_path, recipe)
    assert snapshot.status.step == 16
    assert snapshot.layer_problems == ()


def test_a_high_learning_rate_kills_relus(tmp_path: Path) -> None:
    dead, *others = train(tmp_path, GUIDE, learning_rate=0.3).layer_problems
    assert dead.kind == "dead ReLUs"
    assert dead.layers[-1] == "fc1"
    (no_gradient,) = (problem for problem in others if problem.kind == "no gradient")
    assert no_gradient.layers[:2] == ("conv1", "conv2"), "the gradient doesn't pass dead ReLUs"


def test_a_low_learning_rate_changes_little(tmp_path: Path) -> None:
    (problem,) = train(tmp_path, GUIDE, learning_rate=1e-7, epochs=1).layer_problems
    assert problem.kind == "small updates"
    assert problem.layers == ("conv1", "conv2", "fc1", "fc2")
    assert -6.5 < problem.value < -5  # Adam changes each weight by up to 1e-7 per step, and the weights are about 0.05
