"""SIGKILL at any instant: the run that is resumed as often as it takes is bit for bit the run that never was disturbed.

The short version is part of every test run; `make test-faults` tries each fault often, and prints what it found.
"""

import random
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fashion_tui.runs.run import Run
from fashion_tui.schema.events import StepChunk
from fashion_tui.schema.recipe import BEST, CPU_RECIPES, RECIPES

from .dying import INSTANTS
from .faults import Fault, RecordFault
from .forked import ForkedTrainer
from .trainers import TrainerEnded, assert_same, differing_bits, final_state, make_run, steps_lost

pytestmark = pytest.mark.timeout(900)

Fork = Callable[..., ForkedTrainer]
Reference = Callable[[str], tuple[Run, float]]

RUN: dict[str, Any] = {"validation": 500, "batch_size": 16, "checkpoint_every": 0.05}
"""2 epochs of 719 steps, and as many checkpoints as their cost allows."""

KILLED = {name: RECIPES[name] for name in CPU_RECIPES} | {"best": msgspec.structs.replace(BEST, model="strong")}
"""All that a recipe may ask for; `best` in a smaller network, for its own takes minutes a run."""

FEW, MANY = 6, 56
"""Kills of the short version, and of the long one for each recipe."""

LOADING_SECONDS = 0.5
"""About how long a trainer takes until its first step."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """A finished run of that recipe, and how many seconds its steps took."""
    finished: dict[str, tuple[Run, float]] = {}

    def run(recipe: str) -> tuple[Run, float]:
        if recipe not in finished:
            path = make_run(tmp_path_factory.mktemp(recipe), recipe=KILLED[recipe], **RUN)
            trainer = ForkedTrainer(path)
            trainer.wait_for(StepChunk)
            began = time.monotonic()
            assert trainer.end() == 0, trainer.output()
            finished[recipe] = path, time.monotonic() - began
        return finished[recipe]

    return run


def kill_at_random(fork: Fork, run: Run, seconds: float, rng: random.Random) -> bool:
    """A trainer goes on with the run and is killed, one in three while it loads. False where it had ended before."""
    trainer = fork(run)
    if rng.random() < 1 / 3:
        time.sleep(rng.random() * LOADING_SECONDS)
    else:
        with suppress(TrainerEnded):
            trainer.wait_for(StepChunk)
        trainer.wait(rng.random() * seconds)
    killed = not trainer.has_ended
    trainer.kill()
    return killed


def kill_often(fork: Fork, runs: Path, reference: tuple[Run, float], recipe: str, times: int, seed: int) -> Fault:
    """So many kills, over as many runs as it takes; each run is resumed to its end and compared."""
    undisturbed, seconds = reference
    rng = random.Random(seed)
    tried = hit = lost = bits = 0
    while tried < times:
        run = make_run(runs, recipe=KILLED[recipe], **RUN)
        while tried < times and run.read_status().state != "finished":
            tried += 1
            hit += kill_at_random(fork, run, seconds, rng)
        finish(fork, run)
        lost += steps_lost(run)
        bits += differing_bits(final_state(run), final_state(undisturbed))
        assert_same(run, undisturbed)
    return Fault(f"SIGKILL at random ({recipe})", tried, hit, lost, bits)


def kill_at(fork: Fork, runs: Path, reference: tuple[Run, float], instants: Iterable[tuple[str, int]]) -> Fault:
    """One run, killed at each of these instants, one after the other, and resumed to its end."""
    run = make_run(runs, **RUN)
    tried = hit = 0
    for instant in instants:
        trainer = fork(run, dies=instant)
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


def test_killed_at_random_instants(undisturbed: Reference, fork: Fork, tmp_path: Path) -> None:
    fault = kill_often(fork, tmp_path, undisturbed("guide"), "guide", FEW, seed=5)
    assert fault.hit > 0
    assert fault.bits_differing == 0


def test_killed_where_files_are_written(undisturbed: Reference, fork: Fork, tmp_path: Path) -> None:
    """Each instant once, in one run."""
    fault = kill_at(fork, tmp_path, undisturbed("guide"), [(instant, 1) for instant in INSTANTS])
    assert fault.hit == fault.tried == len(INSTANTS)


@pytest.mark.faults
@pytest.mark.parametrize("recipe", KILLED)
def test_killed_at_many_random_instants(
    recipe: str, undisturbed: Reference, fork: Fork, tmp_path: Path, record_fault: RecordFault
) -> None:
    record_fault(kill_often(fork, tmp_path, undisturbed(recipe), recipe, MANY, seed=11))


@pytest.mark.faults
@pytest.mark.parametrize("instant", INSTANTS)
def test_killed_often_where_files_are_written(
    instant: str, undisturbed: Reference, fork: Fork, tmp_path: Path, record_fault: RecordFault
) -> None:
    fault = kill_at(fork, tmp_path, undisturbed("guide"), [(instant, nth) for nth in (1, 2, 1, 2)])
    record_fault(replace(fault, name=f"SIGKILL {instant}"))
