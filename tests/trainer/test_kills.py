"""SIGKILL at any time: a run that is killed and resumed repeatedly equals the undisturbed run to the bit.

The short version runs with every test run; `make test-faults` tries each fault often and prints the results.
"""

import random
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fashion_tui.runs.run import Run
from fashion_tui.schema.builtin_recipes import BEST, CPU_RECIPES, RECIPES
from fashion_tui.schema.events import StepChunk

from .fault_table import Fault, RecordFault
from .forked import ForkedTrainer
from .kill_points import KILL_POINTS, kill_at
from .trainers import TrainerEnded, assert_same, differing_bits, final_state, make_small_run, steps_lost

pytestmark = pytest.mark.timeout(900)

Fork = Callable[..., ForkedTrainer]
Reference = Callable[[str], tuple[Run, float]]

RUN: dict[str, Any] = {"batch_size": 16, "checkpoint_every": 0.05}
"""2 epochs of 250 steps, with as many checkpoints as their cost allows."""

TESTED_RECIPES = {name: RECIPES[name] for name in CPU_RECIPES} | {"best": msgspec.structs.replace(BEST, model="strong")}
"""All recipes for the CPU. `best` has a smaller network here, since its own network takes minutes per run."""

FEW, MANY = 6, 56
"""Number of kills in the short version, and of each recipe in the long version."""

LOADING_SECONDS = 0.5
"""Approximate time before a trainer's first step, in seconds."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """A function that returns a finished run of a recipe, and the seconds that its steps took."""
    finished: dict[str, tuple[Run, float]] = {}

    def reference(recipe: str) -> tuple[Run, float]:
        if recipe not in finished:
            run = make_small_run(tmp_path_factory.mktemp(recipe), recipe=TESTED_RECIPES[recipe], **RUN)
            trainer = ForkedTrainer(run)
            trainer.wait_for(StepChunk)
            started = time.monotonic()
            assert trainer.end() == 0, trainer.output()
            finished[recipe] = run, time.monotonic() - started
        return finished[recipe]

    return reference


def kill_at_random(fork: Fork, run: Run, seconds: float, rng: random.Random) -> bool:
    """Start or resume the run and kill its trainer at a random time; with a probability of 1/3, while it is loading.

    Return False if the trainer had already ended.
    """
    trainer = fork(run)
    if rng.random() < 1 / 3:
        time.sleep(rng.random() * LOADING_SECONDS)
    else:
        with suppress(TrainerEnded):
            trainer.wait_for(StepChunk)
        trainer.wait(rng.random() * seconds)
    is_hit = not trainer.has_ended
    trainer.kill()
    return is_hit


def kill_repeatedly(fork: Fork, runs: Path, reference: tuple[Run, float], recipe: str, times: int, seed: int) -> Fault:
    """Kill trainers `times` times, over several runs. Compare each run, once finished, with the undisturbed one."""
    undisturbed, seconds = reference
    rng = random.Random(seed)
    tried = hit = lost = bits = 0
    while tried < times:
        run = make_small_run(runs, recipe=TESTED_RECIPES[recipe], **RUN)
        while tried < times and run.read_status().state != "finished":
            tried += 1
            hit += kill_at_random(fork, run, seconds, rng)
        finish(fork, run)
        lost += steps_lost(run)
        bits += differing_bits(final_state(run), final_state(undisturbed))
        assert_same(run, undisturbed)
    return Fault(f"SIGKILL at random ({recipe})", tried, hit, lost, bits)


def kill_at_points(fork: Fork, runs: Path, reference: tuple[Run, float], points: Iterable[tuple[str, int]]) -> Fault:
    """Kill a run's trainer at each of these points in turn, finish the run and compare it with the undisturbed one."""
    run = make_small_run(runs, **RUN)
    tried = hit = 0
    for point in points:
        trainer = fork(run, before=partial(kill_at, *point))
        tried += 1
        hit += trainer.end() == -signal.SIGKILL
    finish(fork, run)
    undisturbed, _ = reference
    assert_same(run, undisturbed)
    bits = differing_bits(final_state(run), final_state(undisturbed))
    return Fault("", tried, hit, steps_lost(run), bits)


def finish(fork: Fork, run: Run) -> None:
    if run.read_status().state != "finished":
        trainer = fork(run)
        assert trainer.end() == 0, trainer.output()


def test_kills_at_random_times(undisturbed: Reference, fork: Fork, tmp_path: Path) -> None:
    fault = kill_repeatedly(fork, tmp_path, undisturbed("guide"), "guide", FEW, seed=5)
    assert fault.hit > 0
    assert fault.bits_differing == 0


def test_kills_while_files_are_written(undisturbed: Reference, fork: Fork, tmp_path: Path) -> None:
    fault = kill_at_points(fork, tmp_path, undisturbed("guide"), [(point, 1) for point in KILL_POINTS])
    assert fault.hit == fault.tried == len(KILL_POINTS)


@pytest.mark.faults
@pytest.mark.parametrize("recipe", TESTED_RECIPES)
def test_many_kills_at_random_times(
    recipe: str, undisturbed: Reference, fork: Fork, tmp_path: Path, record_fault: RecordFault
) -> None:
    record_fault(kill_repeatedly(fork, tmp_path, undisturbed(recipe), recipe, MANY, seed=11))


@pytest.mark.faults
@pytest.mark.parametrize("point", KILL_POINTS)
def test_many_kills_while_files_are_written(
    point: str, undisturbed: Reference, fork: Fork, tmp_path: Path, record_fault: RecordFault
) -> None:
    fault = kill_at_points(fork, tmp_path, undisturbed("guide"), [(point, occurrence) for occurrence in (1, 2, 1, 2)])
    record_fault(replace(fault, name=f"SIGKILL {point}"))
