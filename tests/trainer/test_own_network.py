"""A run of a network that a person has written: exact as any other, and independent of the file it came from."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from fashion_tui.runs.layout import MODEL_FILE
from fashion_tui.schema.events import CheckpointSaved, Finished, Resumed, Started, StepChunk
from tests.custom_models import DROPOUT_NET, custom_model, forget_trust, source_that_writes

from .trainers import Trainer, assert_failed, figures, final_state, make_run, of_kind

pytestmark = pytest.mark.timeout(600)

Train = Callable[..., Trainer]


def test_killed_in_the_middle_and_resumed_is_the_undisturbed_run_to_the_bit(train: Train, tmp_path: Path) -> None:
    """Its dropout draws in each step, and its batch norm has statistics of its own."""
    undisturbed, run = (make_run(tmp_path, network=custom_model(width=32), model="Net") for _ in range(2))
    assert train(undisturbed).end() == 0
    (started,) = of_kind(undisturbed, Started)
    assert (started.model, started.parameters) == ("Net", 784 * 32 + 32 + 64 + 330)

    trainer = train(run)
    trainer.wait_for(StepChunk)
    run.control.request("checkpoint")
    saved = trainer.wait_for(CheckpointSaved)
    trainer.wait_for(StepChunk)
    trainer.kill()
    trainer = train(run)
    assert trainer.wait_for(Resumed).step == saved.step
    assert trainer.end() == 0
    assert final_state(run) == final_state(undisturbed)
    assert figures(run) == figures(undisturbed)
    ends = [of_kind(path, Finished)[-1] for path in (run, undisturbed)]
    assert ends[0].test_accuracy == ends[1].test_accuracy
    assert ends[0].test_loss == ends[1].test_loss


def test_code_that_was_never_run_is_not_executed_by_a_trainer(train: Train, tmp_path: Path, state_home: Path) -> None:
    """Nor where somebody changes what was trusted between the launch and its beginning: the trainer itself looks."""
    mark = tmp_path / "mark"
    run = make_run(tmp_path, network=custom_model(source_that_writes(mark)), model="Net")
    forget_trust(state_home)
    assert_failed(train(run), "add --trust to run it")
    assert not mark.exists()


def test_a_source_that_was_changed_is_not_executed(train: Train, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    run = make_run(tmp_path, network=custom_model(), model="Net")
    (run.path / MODEL_FILE).write_text(source_that_writes(mark))
    assert_failed(train(run), "model.py has been changed")
    assert not mark.exists()


def test_a_module_beside_the_source_is_not_imported(train: Train, tmp_path: Path) -> None:
    """The source is known by its hash; what somebody lays beside it isn't."""
    mark = tmp_path / "mark"
    run = make_run(tmp_path, network=custom_model(f"import extra\n{DROPOUT_NET}"), model="Net")
    (run.path / "extra.py").write_text(source_that_writes(mark))
    assert_failed(train(run), "No module named 'extra'")
    assert not mark.exists()


def test_a_network_without_scores_for_ten_classes_fails_before_the_first_step(train: Train, tmp_path: Path) -> None:
    network = custom_model(DROPOUT_NET.replace("nn.Linear(width, 10)", "nn.Linear(width, 9)"))
    run = make_run(tmp_path, network=network, model="Net")
    failed = assert_failed(train(run), "Net gives float32 [2, 9]")
    assert failed.step == 0
    assert not of_kind(run, Started)


def test_a_name_that_is_no_network_of_ours_is_never_taken_for_a_file(train: Train, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(source_that_writes(tmp_path / "mark"))
    run = make_run(tmp_path / "runs")
    config = run.config
    recipe = msgspec.structs.replace(config.recipe, model=f"{tmp_path}/net.py:Net")
    (run.path / "config.json").write_bytes(msgspec.json.encode(msgspec.structs.replace(config, recipe=recipe)))
    assert_failed(train(run), "no model is called")
    assert not (tmp_path / "mark").exists()
