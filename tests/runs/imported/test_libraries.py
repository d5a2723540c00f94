"""Logs written by the real libraries have the values that were logged."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from torch.utils.tensorboard import SummaryWriter

from fashion_tui.runs.reader import RunReader, RunSnapshot
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import summarise_path

from .parts import Values

DATA = Path(__file__).parent / "data"


def read(path: Path) -> tuple[Values, RunSnapshot]:
    """Return all values of the metrics of a run, and the snapshot."""
    with Run(path) as run:
        reader = RunReader(run)
        snapshot = reader.poll()
        return {name: list(series.items()) for name, series in reader.metrics.items()}, snapshot


@pytest.mark.parametrize(("version", "lr"), [("version_0", 0.1), ("version_1", 0.01)])
def test_lightning(version: str, lr: float) -> None:
    path = DATA / "lightning_logs" / version
    values, snapshot = read(path)
    expected = {
        name: [(step, value) for step, value in rows]
        for name, rows in json.loads((path / "expected.json").read_text()).items()
    }
    epochs = [(step, float(step // 16)) for step in (4, 9, 14, 15, 19, 24, 29, 31)]
    assert values == {"epoch": epochs, **expected}
    assert snapshot.damage is None
    assert snapshot.warnings == ()
    with Run(path) as run:
        config = run.stored_config
    assert (config.kind, config.library) == ("imported", "Lightning")  # type: ignore[union-attr]
    assert config.settings == {  # type: ignore[union-attr]
        "lr": lr, "width": 8, "betas": [0.9, 0.99], "device_name": ["cpu"],
    }  # fmt: skip
    summary = summarise_path(path)
    assert (summary.state, summary.step, summary.epoch, summary.loss) == (
        "imported", 31, 1, expected["train_loss"][-1][1],
    )  # fmt: skip


def test_hugging_face() -> None:
    path = DATA / "hugging_face"
    expected: Values = {}
    for step, logged in json.loads((path / "expected.json").read_text()):
        for name, value in logged.items():
            if not (name == "epoch" and (step, value) in expected.get(name, [])):
                expected.setdefault(name, []).append((step, value))
    values, snapshot = read(path)
    assert values == expected
    assert snapshot.damage is None
    summary = summarise_path(path)
    assert (summary.state, summary.step, summary.epoch, summary.loss) == ("imported", 32, 2, expected["loss"][-1][1])
    with Run(path) as run:
        assert run.stored_config.settings["train_batch_size"] == 4  # type: ignore[union-attr]


def test_a_hugging_face_run_without_a_final_state_is_read_from_its_newest_checkpoint(tmp_path: Path) -> None:
    shutil.copytree(DATA / "hugging_face", tmp_path / "run")
    (tmp_path / "run" / "trainer_state.json").unlink()
    values, _ = read(tmp_path / "run")
    assert [step for step, _ in values["loss"]] == [5, 10, 15, 20, 25, 30]
    assert "train_runtime" not in values
    assert summarise_path(tmp_path / "run").step == 32


@pytest.fixture(scope="module")
def tensorboard_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of PyTorch's SummaryWriter: scalars of both kinds, hyperparameters, a histogram, an image and a text."""
    folder = tmp_path_factory.mktemp("tensorboard")
    with SummaryWriter(str(folder)) as writer:
        for step in range(0, 50, 5):
            writer.add_scalar("Loss/train", 1 / (step + 1), step, walltime=1000.0 + step)
            writer.add_scalar("Accuracy", step / 50, step, walltime=1000.0 + step, new_style=True)
        writer.add_scalar("Loss/validation", float("nan"), 45, walltime=1050.0)
        writer.add_scalar("by epoch", 0.5, 1, walltime=1051.0)
        writer.add_histogram("weights", torch.arange(10.0), 45)
        writer.add_image("image", torch.zeros(3, 8, 8), 45)
        writer.add_text("text", "some words", 45)
        writer.add_hparams({"lr": 0.5, "optimizer": "SGD", "nesterov": True}, {"final": 0.25}, run_name=".")
    return folder


def test_tensorboard(tensorboard_run: Path) -> None:
    values, snapshot = read(tensorboard_run)
    assert values["Loss/train"] == [(step, torch.tensor(1 / (step + 1)).item()) for step in range(0, 50, 5)]
    assert values["Accuracy"] == [(step, torch.tensor(step / 50).item()) for step in range(0, 50, 5)]
    assert str(values["Loss/validation"]) == "[(45, nan)]"
    assert values["by epoch"] == [(1, 0.5)]
    assert values["final"] == [(0, 0.25)]
    assert set(values) == {"Loss/train", "Accuracy", "Loss/validation", "by epoch", "final"}
    assert snapshot.damage is None
    summary = summarise_path(tensorboard_run)
    assert (summary.state, summary.kind, summary.step) == ("imported", "imported", 45)
    with Run(tensorboard_run) as run:
        assert run.stored_config.settings == {  # type: ignore[union-attr]
            "lr": 0.5, "optimizer": "SGD", "nesterov": True,
        }  # fmt: skip


def test_the_times_of_event_files_are_kept(tensorboard_run: Path) -> None:
    with Run(tensorboard_run) as run:
        reader = RunReader(run)
        reader.poll()
        times = dict(reader.times.items())
    assert [times[step] for step in range(0, 45, 5)] == [1000.0 + step for step in range(0, 45, 5)]
