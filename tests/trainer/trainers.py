"""Helpers that start real trainers on short runs of the synthetic data set, and compare their results."""

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

from fashion_tui.data.sources import SYNTHETIC
from fashion_tui.lab.training.checkpoint import read_checkpoint
from fashion_tui.runs.create import create_run
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.run import Run
from fashion_tui.schema.builtin_recipes import GUIDE
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.events import Failed, Finished, Resumed, RunEvent, StepChunk
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.recipe import Recipe
from tests.dataset_infos import info_for

Event = TypeVar("Event", bound=RunEvent)

SMALL_SET = DatasetRef(name="synthetic", directory="small", sha256="")
"""The first 4,500 training and 500 test images of the synthetic data set. Only forked trainers can load it."""

TIMEOUT = 120.0
"""Timeout of every wait, in seconds; generous, since trainers start slowly on a busy machine."""


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
    device: str = "cpu",
    deterministic: bool = False,
    seed: int = 7,
    keep_going: bool = False,
    left_out: tuple[int, ...] = (),
    **changes: Any,
) -> Run:
    """Create a run. The defaults are 2 epochs of 63 batches, 1 thread, and a checkpoint after each epoch."""
    return create_run(
        runs_dir,
        recipe=msgspec.structs.replace(recipe, epochs=epochs, **{"batch_size": 64, **changes}),
        dataset=info_for(dataset or SYNTHETIC),
        seed=seed,
        device=device,
        threads=threads,
        deterministic=deterministic,
        validation=validation,
        checkpoint_every=checkpoint_every,
        network=network,
        keep_going=keep_going,
        left_out=left_out,
    )


def make_small_run(runs_dir: Path, **options: Any) -> Run:
    """Create a run for forked trainers on `SMALL_SET`, which takes a third of the time of other runs."""
    return make_run(runs_dir, dataset=SMALL_SET, validation=500, **options)


def thread_affinities(pid: int) -> list[set[int]]:
    """Return the cores that each thread of a process may run on."""
    return [os.sched_getaffinity(int(thread.name)) for thread in Path(f"/proc/{pid}/task").iterdir()]


class TrainerEnded(AssertionError):
    """The trainer ended before the expected event."""


class Trainer:
    """A trainer process whose events can be awaited."""

    def __init__(self, run: Run, *arguments: str, before: Callable[[], None] | None = None) -> None:
        self.follow(run)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fashion_tui.trainer", str(run.path), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=before,  # noqa: PLW1509 - sets a limit on the size of files
        )

    def follow(self, run: Run) -> None:
        """Follow the events of a run from now on."""
        self.run = run
        self._follower = run.follow_events()
        self._unseen = list(self._follower.events())
        self._unseen.clear()  # events of earlier trainers

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait_for(self, kind: type[Event], condition: Callable[[Event], bool] = lambda _: True) -> Event:
        """Return the next event of this type for which the condition is true, and discard the events before it."""
        deadline = time.monotonic() + TIMEOUT
        while True:
            has_ended = self.has_ended
            self._unseen += self._follower.events()
            while self._unseen:
                event = self._unseen.pop(0)
                if isinstance(event, kind) and condition(event):
                    return event
            if has_ended:
                raise TrainerEnded(f"the trainer ended without {kind.__name__}: {self.output()}")
            assert time.monotonic() < deadline, f"no {kind.__name__} in time"
            time.sleep(0.01)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self) -> int:
        """Wait until the trainer ends by itself, and return its exit status."""
        return self.process.wait(TIMEOUT)

    def output(self) -> str:
        """Return stdout and stderr of the ended trainer."""
        assert self.process.stdout is not None
        return self.process.stdout.read()


def assert_failed(trainer: Trainer, expected: str) -> Failed:
    """Assert that the trainer failed with this message in the event log, the status and the last line of output."""
    assert trainer.end() == 1
    (failed,) = of_kind(trainer.run, Failed)[-1:]
    assert expected in failed.message
    assert "\n" not in failed.message
    status = trainer.run.read_status()
    assert (status.state, status.message, status.images_per_second) == ("failed", failed.message, 0.0)
    assert trainer.output().splitlines()[-1] == failed.message
    return failed


def events(run: Run) -> list[RunEvent]:
    follower = run.follow_events()
    result = list(follower.events())
    assert (follower.bad_lines, follower.missing_events) == (0, 0)
    return result


def of_kind(run: Run, kind: type[Event]) -> list[Event]:
    return [event for event in events(run) if isinstance(event, kind)]


def step_metrics(run: Run) -> dict[int, tuple[Any, Any, Any]]:
    """Return loss, accuracy and learning rate of each step, without the values that were later replaced."""
    metrics: dict[int, tuple[Any, Any, Any]] = {}
    for event in events(run):
        if isinstance(event, Resumed):
            metrics = {step: values for step, values in metrics.items() if step <= event.step}
        if isinstance(event, StepChunk) and event.steps is None:
            columns = [event.metrics[name] for name in ("loss", "accuracy", "learning_rate")]
            for step, values in zip(event.numbers, zip(*columns, strict=True), strict=True):
                assert step not in metrics, f"step {step} is logged twice"
                metrics[step] = values
    assert list(metrics) == list(range(1, len(metrics) + 1))
    assert RunReader(run).poll().missing_steps == 0
    return metrics


def assert_same(run: Run, undisturbed: Run) -> None:
    """Assert that the final states and all metrics of two runs are equal to the bit."""
    assert final_state(run) == final_state(undisturbed)
    assert step_metrics(run) == step_metrics(undisturbed)
    assert results(run) == results(undisturbed)


def results(run: Run) -> list[object]:
    snapshot = RunReader(run).poll()
    assert isinstance(snapshot.end, Finished)
    epochs = [msgspec.structs.replace(epoch, time=0, seconds=0) for epoch in snapshot.epochs]
    return [*epochs, snapshot.end.step, snapshot.end.epochs, snapshot.end.test_accuracy, snapshot.end.test_loss]


def final_state(run: Run) -> dict[str, Any]:
    """Return all tensors and numbers of the newest checkpoint that affect the next step, keyed by path."""
    newest = run.checkpoints.latest()
    assert newest is not None
    with run.checkpoints.open(newest) as file:
        training, _ = read_checkpoint(file)
    return {path: value for path, value in _leaves("", training) if not path.endswith("_seconds")}


def differing_bits(a: dict[str, Any], b: dict[str, Any]) -> int:
    """Count the bits in which two final states differ. A missing item, number or string counts as one bit."""
    return sum(_differing_bits(a.get(path), b.get(path)) for path in a.keys() | b.keys())


def _differing_bits(a: Any, b: Any) -> int:
    if a == b:
        return 0
    match a, b:
        case (shape, bytes(a_bytes)), (b_shape, bytes(b_bytes)) if shape == b_shape:
            return (int.from_bytes(a_bytes) ^ int.from_bytes(b_bytes)).bit_count()
        case _:
            return 1


def steps_lost(run: Run) -> int:
    """Count the steps that were logged and had to be repeated, over all trainers of the run."""
    lost, logged = 0, 0
    for event in events(run):
        if isinstance(event, StepChunk):
            logged = event.numbers[-1]
        if isinstance(event, Resumed):
            lost += max(0, logged - event.step)
            logged = event.step
    return lost


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(f"{path}/{key}", item)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _leaves(f"{path}/{index}", item)
    elif isinstance(value, torch.Tensor):
        yield path, (tuple(value.shape), value.contiguous().numpy().tobytes())
    else:
        yield path, value
