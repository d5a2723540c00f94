"""A run of a network that a person has written: exact as any other, and independent of the file it came from."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from fashion_tui.runs.control import ask
from fashion_tui.runs.source import MODEL_FILE
from fashion_tui.runs.store import load_config
from fashion_tui.schema.events import CheckpointSaved, Finished, Resumed, Started, StepChunk
from tests.custom_models import DROPOUT_NET, custom_model, forget_trust, source_that_writes

from .trainers import Trainer, assert_failed, figures, final_state, make_run, of_kind

pytestmark = pytest.mark.timeout(600)

Train = Callable[..., Trainer]


def test_killed_in_the_middle_and_resumed_is_the_undisturbed_run_to_the_bit(train: Train, tmp_path: Path) -> None:
    """Its dropout draws in each step, and its batch norm has statistics of its own."""
    undisturbed, run_path = (make_run(tmp_path, network=custom_model(width=32), model="Net") for _ in range(2))
    assert train(undisturbed).end() == 0
    (started,) = of_kind(undisturbed, Started)
    assert (started.model, started.parameters) == ("Net", 784 * 32 + 32 + 64 + 330)

    trainer = train(run_path)
    trainer.wait_for(StepChunk)
    ask(run_path, "checkpoint")
    saved = trainer.wait_for(CheckpointSaved)
    trainer.wait_for(StepChunk)
    trainer.kill()
    trainer = train(run_path)
    assert trainer.wait_for(Resumed).step == saved.step
    assert trainer.end() == 0
    assert final_state(run_path) == final_state(undisturbed)
    assert figures(run_path) == figures(undisturbed)
    ends = [of_kind(path, Finished)[-1] for path in (run_path, undisturbed)]
    assert ends[0].test_accuracy == ends[1].test_accuracy
    assert ends[0].test_loss == ends[1].test_loss


def test_code_that_was_never_run_is_not_executed_by_a_trainer(train: Train, tmp_path: Path, state_home: Path) -> None:
    """Nor where somebody changes what was trusted between the launch and its beginning: the trainer itself looks."""
    mark = tmp_path / "mark"
    run_path = make_run(tmp_path, network=custom_model(source_that_writes(mark)), model="Net")
    forget_trust(state_home)
    assert_failed(train(run_path), "add --trust to run it")
    assert not mark.exists()


def test_a_source_that_was_changed_is_not_executed(train: Train, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    run_path = make_run(tmp_path, network=custom_model(), model="Net")
    (run_path / MODEL_FILE).write_text(source_that_writes(mark))
    assert_failed(train(run_path), "model.py has been changed")
    assert not mark.exists()


def test_a_module_beside_the_source_is_not_imported(train: Train, tmp_path: Path) -> None:
    """The source is known by its hash; what somebody lays beside it isn't."""
    mark = tmp_path / "mark"
    run_path = make_run(tmp_path, network=custom_model(f"import extra\n{DROPOUT_NET}"), model="Net")
    (run_path / "extra.py").write_text(source_that_writes(mark))
    assert_failed(train(run_path), "No module named 'extra'")
    assert not mark.exists()


def test_a_network_without_scores_for_ten_classes_fails_before_the_first_step(train: Train, tmp_path: Path) -> None:
    network = custom_model(DROPOUT_NET.replace("nn.Linear(width, 10)", "nn.Linear(width, 9)"))
    run_path = make_run(tmp_path, network=network, model="Net")
    failed = assert_failed(train(run_path), "Net gives float32 [2, 9]")
    assert failed.step == 0
    assert not of_kind(run_path, Started)


def test_a_name_that_is_no_network_of_ours_is_never_taken_for_a_file(train: Train, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(source_that_writes(tmp_path / "mark"))
    run_path = make_run(tmp_path / "runs")
    config = load_config(run_path)
    recipe = msgspec.structs.replace(config.recipe, model=f"{tmp_path}/net.py:Net")
    (run_path / "config.json").write_bytes(msgspec.json.encode(msgspec.structs.replace(config, recipe=recipe)))
    assert_failed(train(run_path), "no model is called")
    assert not (tmp_path / "mark").exists()
