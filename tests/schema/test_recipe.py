"""Recipes."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fashion_tui.schema.builtin_recipes import BEST, GUIDE, RECIPES
from fashion_tui.schema.fields import InvalidField
from fashion_tui.schema.recipe_checks import check_recipe

BENCHMARKS = Path(__file__).parents[2] / "assets" / "benchmarks"


def test_best_states_its_measured_time() -> None:
    results = json.loads((BENCHMARKS / "2026-11-29-best.json").read_text(encoding="utf-8"))["results"]
    stated = re.search(r"(\d+) minutes", BEST.summary)
    assert stated is not None
    assert int(stated[1]) == round(results[1]["train_seconds"] / 60)


def test_the_recipes_are_valid() -> None:
    for recipe in RECIPES.values():
        check_recipe(recipe)


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"momentum": 0.9}, "momentum", "momentum is 0.9, but adam"),
        ({"optimizer": "muon", "momentum": 0.9}, "momentum", "muon"),
        ({"optimizer": "sgd", "momentum": 1.0}, "momentum", "less than 1"),
        ({"nesterov": True}, "nesterov", "Nesterov is only for sgd"),
        ({"optimizer": "sgd", "nesterov": True}, "nesterov", "Nesterov needs momentum"),
        ({"schedule": "onecycle"}, "warm_up", "warm-up is 0"),
        ({"schedule": "cosine", "warm_up": 1.0}, "warm_up", "less than 1"),
        ({"weight_decay": -0.1}, "weight_decay", "0 or more"),
        ({"max_gradient_norm": -1.0}, "max_gradient_norm", "0 or more"),
    ],
)
def test_impossible_combinations_are_refused_in_one_line(changes: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidField, match=words) as error:
        check_recipe(msgspec.structs.replace(GUIDE, **changes))
    assert error.value.field == field
    assert "\n" not in str(error.value)
