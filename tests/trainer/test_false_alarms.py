"""Runs with built-in recipes have no verdicts, during training or at the end (make test-verdicts)."""

import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from fashion_tui.data.files import find, verify
from fashion_tui.machine.threads import available_cpus
from fashion_tui.runs.reader import RunReader
from fashion_tui.schema.builtin_recipes import BEST, GUIDE, QUICK, STRONG
from fashion_tui.schema.recipe import Recipe

from .trainers import make_run

RUNS = [*product((GUIDE, QUICK, STRONG), range(5)), (BEST, 0)]
MAX_BYTES = 10_000
"""Number of bytes of the log to read at a time: about a second of a run."""


@pytest.mark.verdicts
@pytest.mark.real_data
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("recipe", "seed"), RUNS, ids=lambda value: getattr(value, "name", str(value)))
def test_a_built_in_recipe_has_no_verdicts(recipe: Recipe, seed: int, tmp_path: Path, real_data: Path) -> None:
    dataset = verify(find("fashion-mnist", real_data))
    run = make_run(
        tmp_path,
        recipe=recipe,
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        seed=seed,
        dataset=dataset,
        validation=5000,
        threads=available_cpus(),
    )
    subprocess.run([sys.executable, "-m", "fashion_tui.trainer", str(run.path)], check=True)
    reader = RunReader(run)
    while not (snapshot := reader.poll(MAX_BYTES)).complete:
        assert snapshot.verdicts == ()
    assert snapshot.state == "finished"
    assert snapshot.verdicts == ()
