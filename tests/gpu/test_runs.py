"""Whole runs on a GPU: accuracy, exact resume, requests, and runs that share the GPU."""

import random
import time
from pathlib import Path
from statistics import mean

import pytest
import torch

from fashion_tui.data.files import find
from fashion_tui.runs.run import Run
from fashion_tui.schema.builtin_recipes import MAX, RECIPES, STRONG
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.events import EpochEnd, Finished, StepChunk
from fashion_tui.schema.models import CustomModel
from tests.trainer.trainers import Trainer, differing_bits, final_state, make_run, of_kind

from .conftest import Record

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(1200)]

SLOW_NET = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.layer, self.last = nn.Linear(784, 4096), nn.Linear(4096, 4096), nn.Linear(4096, 10)

    def forward(self, x):
        x = self.first(x.flatten(1))
        for _ in range(300):  # a step takes about 50 ms
            x = x + 0.001 * self.layer(torch.relu(x))
        return self.last(x)
"""


def train(run: Run) -> Finished:
    assert Trainer(run).end() == 0, run.last_log_line()
    return of_kind(run, Finished)[-1]


def whole_run(folder: Path, name: str, seed: int, data: Path) -> Run:
    recipe = RECIPES[name]
    dataset: DatasetRef = find("fashion-mnist", data)
    return make_run(
        folder / f"{name}-{seed}", recipe=recipe, epochs=recipe.epochs, batch_size=recipe.batch_size, validation=0,
        dataset=dataset, device="cuda", seed=seed,
    )  # fmt: skip


def record_runs(record: Record, name: str, finished: list[Finished], accuracy: str, seconds: str) -> None:
    reached = [float(event.test_accuracy) for event in finished]
    times = ", ".join(f"{event.train_seconds:.1f}" for event in finished)
    record(f"{name}: test accuracy", f"{100 * mean(reached):.2f} % ({len(reached)} seeds)", accuracy)
    record(f"{name}: training", f"{times} s", seconds)


def test_strong_reaches_94_percent(tmp_path: Path, real_data: Path, record: Record) -> None:
    finished = [train(whole_run(tmp_path, "strong", seed, real_data)) for seed in range(5)]
    record_runs(record, "strong", finished, "94.14 ± 0.25 %", "≤ 4 s")
    assert mean(float(one.test_accuracy) for one in finished) > 0.938


@pytest.mark.gpu_full
def test_best_and_max(tmp_path: Path, real_data: Path, record: Record) -> None:
    best = [train(whole_run(tmp_path, "best", seed, real_data)) for seed in range(3)]
    record_runs(record, "best", best, "94.7 to 95.0 %", "8 to 25 s")
    largest = [train(whole_run(tmp_path, "max", 0, real_data))]
    record_runs(record, "max", largest, "≥ 95.2 %", "70 to 150 s")
    assert mean(float(one.test_accuracy) for one in best) > 0.943
    assert float(largest[0].test_accuracy) > 0.945


@pytest.mark.gpu_full
@pytest.mark.parametrize("batch_size", [256, 512, 1024, 2048])
def test_batch_sizes_on_held_out_images(batch_size: int, tmp_path: Path, real_data: Path, record: Record) -> None:
    """The learning rate is proportional to the batch size. The test set isn't used."""
    run = make_run(
        tmp_path, recipe=STRONG, epochs=STRONG.epochs, batch_size=batch_size, validation=5000, device="cuda",
        learning_rate=STRONG.learning_rate * batch_size / STRONG.batch_size, dataset=find("fashion-mnist", real_data),
    )  # fmt: skip
    finished = train(run)
    accuracy = of_kind(run, EpochEnd)[-1].validation_accuracy
    record(
        f"strong, batch size {batch_size}",
        f"{100 * float(accuracy or 0):.2f} % of the held-out images in {finished.train_seconds:.1f} s",
        "which batch size reaches 94 % in the least time?",
    )


@pytest.mark.parametrize("name", ["quick", "strong"])
@pytest.mark.parametrize(("deterministic", "kills"), [(True, 5), (False, 2)], ids=["deterministic", "fast"])
def test_killed_and_resumed_runs_are_exact(
    name: str, tmp_path: Path, record: Record, *, deterministic: bool, kills: int
) -> None:
    def start(folder: str) -> Run:
        recipe = RECIPES[name]
        return make_run(
            tmp_path / folder, recipe=recipe, epochs=30, batch_size=recipe.batch_size, device="cuda",
            deterministic=deterministic, checkpoint_every=0.5,
        )  # fmt: skip

    calm, again, killed = start("calm"), start("again"), start("killed")
    train(calm)
    train(again)
    hits = 0
    for _ in range(kills):
        trainer = Trainer(killed)
        trainer.wait_for(StepChunk)
        time.sleep(random.uniform(0.2, 2.0))
        hits += not trainer.has_ended
        trainer.kill()
    if killed.read_status().state != "finished":
        train(killed)
    differing = {
        what: differing_bits(final_state(calm), final_state(run))
        for what, run in (("again", again), ("killed", killed))
    }
    way = "deterministic" if deterministic else "fast"
    record(
        f"{name}, {way}: differing bits, run twice; killed {hits} times",
        f"{differing['again']}; {differing['killed']}",
        "0; 0" if deterministic else "any",
    )
    if deterministic:
        assert differing == {"again": 0, "killed": 0}


@pytest.mark.gpu_full
@pytest.mark.parametrize("name", ["max", "custom"])
def test_requests_are_answered_within_a_second(name: str, tmp_path: Path, record: Record) -> None:
    if name == "max":
        run = make_run(tmp_path, recipe=MAX, epochs=200, batch_size=MAX.batch_size, device="cuda")
    else:
        network = CustomModel(source=SLOW_NET, class_name="Net", arguments={})
        run = make_run(tmp_path, epochs=200, batch_size=32, device="cuda", network=network, model="Net")
    trainer = Trainer(run)
    trainer.wait_for(StepChunk)
    longest = 0.0
    for _ in range(10):
        for action, state in (("pause", "paused"), ("resume", "running")):
            started = time.monotonic()
            run.control.request(action)  # type: ignore[arg-type]
            while run.read_status().state != state:
                assert time.monotonic() < started + 60
                time.sleep(0.01)
            longest = max(longest, time.monotonic() - started)
        trainer.wait_for(StepChunk)
    started = time.monotonic()
    run.control.request("stop")
    while run.read_status().state != "stopped":
        assert time.monotonic() < started + 60
        time.sleep(0.01)
    stopped = time.monotonic() - started
    assert trainer.end() == 0
    record(f"{name}: longest pause or resume", f"{longest:.2f} s", "≤ 1 s")
    record(f"{name}: stop, with a checkpoint", f"{stopped:.2f} s", "≤ 1 s")


@pytest.mark.gpu_full
def test_two_runs_share_the_gpu(tmp_path: Path, record: Record) -> None:
    def start(folder: str) -> Run:
        return make_run(tmp_path / folder, recipe=STRONG, epochs=40, batch_size=STRONG.batch_size, device="cuda")

    alone = train(start("alone")).images_per_second
    runs = [start("first"), start("second")]
    trainers = [Trainer(run) for run in runs]
    assert [trainer.end() for trainer in trainers] == [0, 0]
    shares = [of_kind(run, Finished)[-1].images_per_second / alone for run in runs]
    record(
        "two runs at once: speed relative to a single run", ", ".join(f"{share:.0%}" for share in shares), "each ≥ 40 %"
    )
    assert torch.cuda.is_available()
