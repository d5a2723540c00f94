"""Real trainers on short runs over the synthetic set, and what they left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import torch

from fashion_tui.data.files import find
from fashion_tui.lab.training.checkpoint import read_checkpoint
from fashion_tui.runs.create import create_run
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.run import Run
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.events import Failed, Finished, Resumed, RunEvent, StepChunk
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.recipe import GUIDE, Recipe

Event = TypeVar("Event", bound=RunEvent)

PATIENCE = 120.0
"""Seconds for anything to happen: a trainer that starts on a busy machine takes its time."""


def make_run(
    runs_dir: Path,
    *,
    recipe: Recipe = GUIDE,
    epochs: int = 2,
    validation: int = 8000,
    dataset: DatasetRef | None = None,
    checkpoint_every: float = 3600.0,
    network: CustomModel | None = None,
    threads: int = 1,
    **changes: Any,
) -> Run:
    """By default 2 epochs of 63 batches of 64 images, in one thread, and no checkpoint but at the end of an epoch."""
    return create_run(
        runs_dir,
        recipe=msgspec.structs.replace(recipe, epochs=epochs, **{"batch_size": 64, **changes}),
        dataset=dataset or find("synthetic"),
        seed=7,
        device="cpu",
        threads=threads,
        deterministic=False,
        validation=validation,
        checkpoint_every=checkpoint_every,
        network=network,
    )


def cores(pid: int) -> list[set[int]]:
    """Of each thread of the process: the cores that it may run on."""
    return [os.sched_getaffinity(int(thread.name)) for thread in Path(f"/proc/{pid}/task").iterdir()]


class TrainerEnded(AssertionError):
    """Before what was waited for had come."""


class Trainer:
    """A trainer's process on a run, and its log as it grows."""

    def __init__(self, run: Run, *arguments: str, before: Callable[[], None] | None = None) -> None:
        self.follow(run)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fashion_tui.trainer", str(run.path), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=before,  # noqa: PLW1509 - a limit on the size of files
        )

    def follow(self, run: Run) -> None:
        """Look from now on at what happens in the run."""
        self.run = run
        self._follower = run.follow_events()
        self._unseen = list(self._follower.events())
        self._unseen.clear()  # what earlier trainers wrote

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def wait_for(self, kind: type[Event], condition: Callable[[Event], bool] = lambda _: True) -> Event:
        """The next such event that no call has passed yet."""
        deadline = time.monotonic() + PATIENCE
        while True:
            ended = self.has_ended
            self._unseen += self._follower.events()
            while self._unseen:
                event = self._unseen.pop(0)
                if isinstance(event, kind) and condition(event):
                    return event
            if ended:
                raise TrainerEnded(f"the trainer ended without {kind.__name__}: {self.output()}")
            assert time.monotonic() < deadline, f"no {kind.__name__} came"
            time.sleep(0.01)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self) -> int:
        """Its exit status, once it has ended by itself."""
        return self.process.wait(PATIENCE)

    def output(self) -> str:
        """What it said on stdout and stderr, once it has ended."""
        assert self.process.stdout is not None
        return self.process.stdout.read()


def assert_failed(trainer: Trainer, words: str) -> Failed:
    """The trainer said these words in one line: in its log, its status, and its last line of output."""
    assert trainer.end() == 1
    (failed,) = of_kind(trainer.run, Failed)[-1:]
    assert words in failed.message
    assert "\n" not in failed.message
    status = trainer.run.read_status()
    assert (status.state, status.message) == ("failed", failed.message)
    assert trainer.output().splitlines()[-1] == failed.message
    return failed


def events(run: Run) -> list[RunEvent]:
    follower = run.follow_events()
    found = list(follower.events())
    assert (follower.bad_lines, follower.missing_events) == (0, 0)
    return found


def of_kind(run: Run, kind: type[Event]) -> list[Event]:
    return [event for event in events(run) if isinstance(event, kind)]


def figures(run: Run) -> dict[int, tuple[Any, Any, Any]]:
    """Loss, accuracy and learning rate of each step, as a reader ends up with them: every step once, in order."""
    kept: dict[int, tuple[Any, Any, Any]] = {}
    for event in events(run):
        if isinstance(event, Resumed):
            kept = {step: figure for step, figure in kept.items() if step <= event.step}
        if isinstance(event, StepChunk):
            for offset, figure in enumerate(zip(event.loss, event.accuracy, event.learning_rate, strict=True)):
                step = event.first_step + offset
                assert step not in kept, f"step {step} is logged twice"
                kept[step] = figure
    assert list(kept) == list(range(1, len(kept) + 1))
    assert RunReader(run).poll().missing_steps == 0
    return kept


def assert_same(run: Run, undisturbed: Run) -> None:
    """Weights, optimiser, generators, the figures of every step and epoch, and the test's: equal to the bit."""
    assert final_state(run) == final_state(undisturbed)
    assert figures(run) == figures(undisturbed)
    assert results(run) == results(undisturbed)


def results(run: Run) -> list[object]:
    snapshot = RunReader(run).poll()
    assert isinstance(snapshot.end, Finished)
    epochs = [msgspec.structs.replace(epoch, time=0, seconds=0) for epoch in snapshot.epochs]
    return [*epochs, snapshot.end.step, snapshot.end.epochs, snapshot.end.test_accuracy, snapshot.end.test_loss]


def final_state(run: Run) -> dict[str, Any]:
    """Every tensor and number of the newest checkpoint that decides what comes next, as bytes and plain values."""
    newest = run.checkpoints.latest()
    assert newest is not None
    with run.checkpoints.open(newest) as file:
        training, _ = read_checkpoint(file)
    return {path: value for path, value in _leaves("", training) if not path.endswith("_seconds")}


def differing_bits(one: dict[str, Any], other: dict[str, Any]) -> int:
    """In how many bits two final states differ; a number, a text or an item that is in one alone counts as one."""
    return sum(_bits(one.get(path), other.get(path)) for path in one.keys() | other.keys())


def _bits(one: Any, other: Any) -> int:
    if one == other:
        return 0
    match one, other:
        case (shape, bytes(mine)), (other_shape, bytes(others)) if shape == other_shape:
            return (int.from_bytes(mine) ^ int.from_bytes(others)).bit_count()
        case _:
            return 1


def steps_lost(run: Run) -> int:
    """How many steps were made, logged, and had to be made again, over all that happened to the run."""
    lost, made = 0, 0
    for event in events(run):
        if isinstance(event, StepChunk):
            made = event.first_step + len(event.loss) - 1
        if isinstance(event, Resumed):
            lost += max(0, made - event.step)
            made = event.step
    return lost


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(f"{path}/{key}", item)
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            yield from _leaves(f"{path}/{place}", item)
    elif isinstance(value, torch.Tensor):
        yield path, (tuple(value.shape), value.contiguous().numpy().tobytes())
    else:
        yield path, value
