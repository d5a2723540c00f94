"""The states in the checkpoints of a Hugging Face run are merged into one history."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import summarise_path

from .parts import make_old, values


def write(folder: Path, losses: dict[int, float], *, age: float, step: int | None = None, **fields: Any) -> Path:
    """Write a state that is `age` seconds old."""
    folder.mkdir(exist_ok=True, parents=True)
    history = [{"step": at, "loss": loss, "epoch": at / 10} for at, loss in losses.items()]
    state = {"global_step": step or max(losses), "log_history": history} | fields
    file = folder / "trainer_state.json"
    file.write_text(json.dumps(state))
    now = file.stat().st_mtime
    os.utime(file, (now - age, now - age))
    return file


def losses(folder: Path) -> dict[int, float]:
    reader = RunReader(Run(folder))
    assert reader.poll().damage is None
    return dict(values(reader)["loss"])


def test_the_newest_checkpoint_has_the_whole_history_whatever_the_times_of_the_files(tmp_path: Path) -> None:
    write(tmp_path / "checkpoint-9", {3: 0.3, 9: 0.9}, age=1)
    write(tmp_path / "checkpoint-10", {3: 0.3, 9: 0.9, 10: 1.0}, age=5)
    write(tmp_path / "checkpoint-2", {}, age=0, step=2)
    assert losses(tmp_path) == {3: 0.3, 9: 0.9, 10: 1.0}
    assert summarise_path(tmp_path).step == 10


def test_a_run_resumed_from_an_earlier_checkpoint_replaces_later_steps(tmp_path: Path) -> None:
    write(tmp_path / "checkpoint-20", {5: 0.5, 10: 1.0, 15: 1.5, 20: 2.0}, age=50)
    write(tmp_path / "checkpoint-15", {5: 0.5, 10: 1.0, 15: 9.0}, age=10)
    assert losses(tmp_path) == {5: 0.5, 10: 1.0, 15: 9.0}
    assert summarise_path(tmp_path).step == 15


def test_new_checkpoints_are_followed(tmp_path: Path) -> None:
    file = write(tmp_path / "checkpoint-10", {5: 0.5, 10: 1.0}, age=50)
    evaluated = {"step": 10, "eval_loss": 0.25}
    state = json.loads(file.read_text())
    file.write_text(json.dumps(state | {"log_history": [*state["log_history"], evaluated]}))
    os.utime(file, (1000.0, 1000.0))
    reader = RunReader(Run(tmp_path))
    reader.poll()
    assert values(reader)["eval_loss"] == [(10, 0.25)]
    write(tmp_path / "checkpoint-20", {5: 0.5, 10: 1.0, 15: 1.5}, age=40, step=20)
    reader.poll()
    assert dict(values(reader)["loss"]) == {5: 0.5, 10: 1.0, 15: 1.5}
    write(tmp_path / "checkpoint-14", {5: 0.5, 7: 7.0}, age=30, step=14)
    reader.poll()
    assert dict(values(reader)["loss"]) == {5: 0.5, 7: 7.0}
    assert "eval_loss" not in values(reader)
    write(tmp_path, {5: 0.5, 7: 7.0, 21: 2.1}, age=20)
    reader.poll()
    assert dict(values(reader)["loss"]) == {5: 0.5, 7: 7.0, 21: 2.1}


def test_values_that_are_not_numbers_are_left_out(tmp_path: Path) -> None:
    file = write(tmp_path, {1: float("nan"), 2: 0.5}, age=0)
    state = json.loads(file.read_text())
    state["log_history"] += [{"step": 3, "name": "x", "flag": True, "big": 10**400}, {"loss": 1.0}, "text", None]
    file.write_text(json.dumps(state))
    reader = RunReader(Run(tmp_path))
    assert reader.poll().damage is None
    assert str(values(reader)["loss"]) == "[(1, nan), (2, 0.5)]"
    assert set(reader.metrics) == {"loss", "epoch"}


def test_settings_of_the_trainer_are_settings_of_the_run(tmp_path: Path) -> None:
    write(tmp_path, {1: 1.0}, age=0, num_train_epochs=3, max_steps=30, trial_params={"lr": 0.1}, best_metric=0.5)
    with Run(tmp_path) as run:
        assert run.stored_config.settings == {  # type: ignore[union-attr]
            "num_train_epochs": 3, "max_steps": 30, "trial_params": {"lr": 0.1},
        }  # fmt: skip


@pytest.mark.parametrize(("content", "words"), [('{"log_hist', "isn't valid JSON"), ("[1]", "log_history")])
def test_a_damaged_state_is_reported_unless_it_is_being_written(content: str, words: str, tmp_path: Path) -> None:
    write(tmp_path / "checkpoint-10", {5: 0.5}, age=100)
    reader = RunReader(Run(tmp_path))
    reader.poll()
    (tmp_path / "checkpoint-20").mkdir()
    file = tmp_path / "checkpoint-20" / "trainer_state.json"
    file.write_text(content)
    assert reader.poll().damage is None
    make_old(file)
    damage = reader.poll().damage
    assert damage is not None
    assert "checkpoint-20/trainer_state.json" in damage
    assert words in damage
    listed = summarise_path(tmp_path)
    assert (listed.damage is not None, listed.step, listed.loss) == (True, 5, 0.5), "the older checkpoint is read"


def test_a_pickle_is_never_read(tmp_path: Path) -> None:
    write(tmp_path / "checkpoint-10", {5: 0.5}, age=0)
    for folder in (tmp_path, tmp_path / "checkpoint-10"):
        os.mkfifo(folder / "training_args.bin")  # opening it would block
    assert losses(tmp_path) == {5: 0.5}
