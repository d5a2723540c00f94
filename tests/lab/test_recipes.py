"""Learning rates and optimisers of the recipes, and a short training with each recipe."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from torch import nn

from fashion_tui.lab.data.datasets import Images
from fashion_tui.lab.data.synthetic import draw
from fashion_tui.lab.devices import has_bf16
from fashion_tui.lab.evaluation.metrics import evaluate, predict_logits
from fashion_tui.lab.networks.builtin import build
from fashion_tui.lab.training.loop import Training
from fashion_tui.lab.training.muon import COEFFICIENTS, ITERATIONS, Muon, orthogonalise
from fashion_tui.lab.training.optimizers import optimizers_for
from fashion_tui.schema.builtin_recipes import CPU_RECIPES, GUIDE, RECIPES, STRONG, recipe_named
from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.models import MODELS
from fashion_tui.schema.recipe import Recipe, StoppingMetric
from fashion_tui.schema.recipe_checks import early_stopping_warning, learning_rate_warning

CPU = torch.device("cpu")
README = Path(__file__).parents[2] / "README.md"


def changed(**changes: Any) -> Recipe:
    return msgspec.structs.replace(STRONG, **changes)


def test_the_readme_names_the_network_of_each_recipe() -> None:
    lines = README.read_text(encoding="utf-8").splitlines()
    for recipe in RECIPES.values():
        assert any(line.startswith(f"| `{recipe.name}` | `{recipe.model}`") for line in lines), recipe.name


def test_recipes_name_built_in_networks() -> None:
    assert {recipe.model for recipe in RECIPES.values()} <= set(MODELS)
    assert all(name == recipe.name and len(recipe.summary) <= 39 for name, recipe in RECIPES.items())


def test_cpu_recipes_are_all_but_max() -> None:
    assert CPU_RECIPES == ("guide", "quick", "strong", "best")
    assert tuple(RECIPES) == (*CPU_RECIPES, "max")


def test_learning_rates_far_outside_the_usual_range_are_warned_about() -> None:
    for recipe in RECIPES.values():
        for lr in (recipe.learning_rate / 5, recipe.learning_rate, recipe.learning_rate * 5):
            assert learning_rate_warning(msgspec.structs.replace(recipe, learning_rate=lr)) is None
    for recipe, lr, words in ((GUIDE, 1.0, "1 is far above"), (STRONG, 5.0, "Muon"), (GUIDE, 1e-9, "far below")):
        assert words in (learning_rate_warning(msgspec.structs.replace(recipe, learning_rate=lr)) or "")


@pytest.mark.parametrize(
    ("metric", "patience", "epochs", "words"),
    [
        ("none", 5, 3, ""),
        ("none", 3, 30, "no effect without early stopping"),
        ("loss", 3, 4, ""),
        ("accuracy", 3, 3, "can't stop early"),
    ],
)
def test_a_patience_without_effect_is_warned_about(
    metric: StoppingMetric, patience: int, epochs: int, words: str
) -> None:
    recipe = msgspec.structs.replace(GUIDE, early_stopping=metric, patience=patience, epochs=epochs)
    warning = early_stopping_warning(recipe) or ""
    assert words in warning
    assert bool(words) == bool(warning)


def test_unknown_recipe() -> None:
    assert recipe_named("strong") == STRONG
    with pytest.raises(UsageError, match="unknown recipe 'fast'; choose from guide, quick, strong, best, max"):
        recipe_named("fast")


def test_muon_updates_filters_that_are_all_zero() -> None:
    filters = nn.Parameter(torch.zeros(4, 2, 3, 3))
    muon = Muon([filters], lr=0.1)
    filters.grad = torch.zeros_like(filters)
    muon.step()
    assert torch.equal(filters, torch.zeros_like(filters)), "no gradient, no update"
    filters.grad = torch.randn(filters.shape, generator=torch.Generator().manual_seed(0))
    muon.step()
    singular_values = torch.linalg.svdvals(filters.detach().flatten(1))
    assert ((singular_values > 0.03) & (singular_values < 0.15)).all(), "as large as the learning rate"


def test_muon_has_nesterov_momentum() -> None:
    """The momentum is that of `torch.optim.SGD`.

    The gradients of the three steps differ, since the first update is the same with and without Nesterov momentum.
    """
    generator = torch.Generator().manual_seed(2)
    filters = nn.Parameter(torch.randn(4, 2, 3, 3, generator=generator))
    followed = nn.Parameter(torch.zeros(4, 2, 3, 3))
    muon = Muon([filters], lr=0.1)
    sgd = torch.optim.SGD([followed], lr=1.0, momentum=0.6, nesterov=True)
    for _ in range(3):
        filters.grad = followed.grad = torch.randn(4, 2, 3, 3, generator=generator)
        before, position = filters.detach().clone(), followed.detach().clone()
        muon.step()
        sgd.step()
        direction = orthogonalise((position - followed.detach()).flatten(1)).view_as(filters)
        torch.testing.assert_close(filters.detach(), 2 * before / before.norm() - 0.1 * direction)


@pytest.mark.covers("recipe.optimizer")
def test_muon_updates_the_filters_and_adam_the_rest() -> None:
    model = build("strong")
    muon, adam = optimizers_for(STRONG, model)
    assert isinstance(muon, Muon)
    filters = [parameter for group in muon.param_groups for parameter in group["params"]]
    others = [parameter for group in adam.param_groups for parameter in group["params"]]
    assert {parameter.dim() for parameter in filters} == {4}
    assert len(filters) + len(others) == len(list(model.parameters()))
    (alone,) = optimizers_for(STRONG, nn.Linear(3, 4))  # a model without filters
    assert isinstance(alone, torch.optim.Adam)


@pytest.mark.parametrize("shape", [(8, 40), (40, 8), (16, 16)])
def test_orthogonalise_changes_only_the_singular_values(shape: tuple[int, int]) -> None:
    """The new singular values are the old ones after three iterations of the polynomial."""
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    u, expected, v = torch.linalg.svd(matrix, full_matrices=False)
    a, b, c = COEFFICIENTS
    expected = expected / expected.norm()
    for _ in range(ITERATIONS):
        expected = a * expected + b * expected**3 + c * expected**5
    assert 0.6 < expected.median() < 1.4
    found = u.T @ orthogonalise(matrix) @ v.T
    torch.testing.assert_close(found, torch.diag(expected), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", CPU_RECIPES)
def test_each_recipe_learns(name: str) -> None:
    """Train two epochs on synthetic images, and test on other images. The slow networks need fewer images."""
    count = 900 if name in {"strong", "best"} else 3_000
    train, test = Images(*draw(count, seed=0)), Images(*draw(500, seed=1))
    recipe = msgspec.structs.replace(RECIPES[name], epochs=2, batch_size=32)
    training = Training(recipe, train, device=CPU, seed=0)
    for _ in range(recipe.epochs):
        for _ in training.steps():
            pass
        training.end_epoch()
    logits = predict_logits(training.model, test.pixels, recipe, CPU)
    assert evaluate(logits, test.labels, [str(number) for number in range(10)]).accuracy > 0.8


def test_precision_is_what_the_cpu_supports() -> None:
    images = Images(torch.zeros(64, 1, 28, 28, dtype=torch.uint8), torch.arange(64) % 10)
    training = Training(changed(batch_size=16), images, device=CPU, seed=0)
    assert training.precision == ("bf16" if has_bf16(CPU) else "fp32")
