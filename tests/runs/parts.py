"""Helpers for the tests of runs: create a run, events and processes."""

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from fashion_tui.runs.create import create_run
from fashion_tui.runs.run import Run
from fashion_tui.schema.builtin_recipes import GUIDE
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.events import Finished, Started, StepChunk
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.recipe import Recipe
from tests.dataset_infos import info_for

SYNTHETIC = DatasetRef(name="synthetic", directory=None, sha256="0" * 64)

PROJECT = Path(__file__).resolve().parents[2]

TOY_TRAINER = (sys.executable, "-u", "-m", "tests.runs.toy_trainer")


def make_run(
    runs_dir: Path,
    *,
    recipe: Recipe = GUIDE,
    dataset: DatasetRef = SYNTHETIC,
    seed: int = 0,
    device: str = "cpu",
    threads: int = 1,
    validation: int = 0,
    checkpoint_every: float = 30.0,
    name: str | None = None,
    network: CustomModel | None = None,
    left_out: tuple[int, ...] = (),
) -> Run:
    """Create a run without starting a trainer. If a custom model is given, the recipe names its class."""
    if network is not None:
        recipe = msgspec.structs.replace(recipe, model=network.class_name)
    return create_run(
        runs_dir,
        recipe=recipe,
        dataset=info_for(dataset),
        seed=seed,
        device=device,
        threads=threads,
        deterministic=False,
        validation=validation,
        checkpoint_every=checkpoint_every,
        name=name,
        network=network,
        left_out=left_out,
    )


def toy_loss(step: int) -> float:
    """Return the loss that every toy trainer logs for a step."""
    return 2 / math.sqrt(step) + math.sin(step) / 10


def steps(first_step: int, count: int) -> StepChunk:
    return StepChunk(
        time=time.time(),
        first_step=first_step,
        metrics={
            "loss": [toy_loss(step) for step in range(first_step, first_step + count)],
            "accuracy": [0.5] * count,
            "learning_rate": [1e-3] * count,
        },
    )


def started(run: str = "r", *, epochs: int = 3, steps_per_epoch: int = 100) -> Started:
    return Started(
        time=time.time(),
        run=run,
        model="guide",
        parameters=204_542,
        train_images=12_000,
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        device="cpu",
        device_name="cpu",
        threads=1,
        cpus=1,
        pid=os.getpid(),
    )


def finished(run: str = "r", *, step: int = 300, epochs: int = 3) -> Finished:
    return Finished(
        time=time.time(),
        run=run,
        path="",
        step=step,
        epochs=epochs,
        test_accuracy=0.9,
        test_loss=0.3,
        train_seconds=12.0,
        images_per_second=1000.0,
    )


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition didn't become true in time"
        time.sleep(0.005)


def run_python(code: str, *arguments: str) -> "subprocess.Popen[str]":
    """Start another process that runs the code and reports its progress on stdout."""
    return subprocess.Popen(
        [sys.executable, "-u", "-c", code, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def read_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def kill(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()
