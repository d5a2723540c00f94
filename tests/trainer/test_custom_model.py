"""Runs of custom models are reproducible to the bit, and don't need the file that the model came from."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from fashion_tui.runs.layout import MODEL_FILE
from fashion_tui.schema.events import CheckpointSaved, Finished, Resumed, Started, StepChunk
from tests.custom_models import DROPOUT_NET, custom_model, forget_trust, source_that_writes

from .trainers import Trainer, assert_failed, final_state, make_run, of_kind, step_metrics

pytestmark = pytest.mark.timeout(600)

Train = Callable[..., Trainer]


def test_a_killed_and_resumed_run_equals_the_undisturbed_one_to_the_bit(train: Train, tmp_path: Path) -> None:
    """The model draws random numbers for dropout in each step, and has batch norm statistics."""
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
    assert step_metrics(run) == step_metrics(undisturbed)
    ends = [of_kind(each, Finished)[-1] for each in (run, undisturbed)]
    assert ends[0].test_accuracy == ends[1].test_accuracy
    assert ends[0].test_loss == ends[1].test_loss


def test_a_trainer_does_not_execute_untrusted_code(train: Train, tmp_path: Path, state_home: Path) -> None:
    """The trainer itself checks the trust again, since the source may be changed between the launch and its start."""
    written = tmp_path / "written"
    run = make_run(tmp_path, network=custom_model(source_that_writes(written)), model="Net")
    forget_trust(state_home)
    assert_failed(train(run), "--trust")
    assert not written.exists()


def test_a_changed_source_is_not_executed(train: Train, tmp_path: Path) -> None:
    written = tmp_path / "written"
    run = make_run(tmp_path, network=custom_model(), model="Net")
    (run.path / MODEL_FILE).write_text(source_that_writes(written))
    assert_failed(train(run), "model.py has been changed")
    assert not written.exists()


def test_a_module_beside_the_source_is_not_imported(train: Train, tmp_path: Path) -> None:
    """The source is verified by its hash, but other files aren't."""
    written = tmp_path / "written"
    run = make_run(tmp_path, network=custom_model(f"import extra\n{DROPOUT_NET}"), model="Net")
    (run.path / "extra.py").write_text(source_that_writes(written))
    assert_failed(train(run), "No module named 'extra'")
    assert not written.exists()


def test_a_network_without_ten_outputs_fails_before_the_first_step(train: Train, tmp_path: Path) -> None:
    network = custom_model(DROPOUT_NET.replace("nn.Linear(width, 10)", "nn.Linear(width, 9)"))
    run = make_run(tmp_path, network=network, model="Net")
    failed = assert_failed(train(run), "[2, 9]")
    assert failed.step == 0
    assert not of_kind(run, Started)


def test_the_name_of_a_built_in_model_is_never_taken_for_a_file(train: Train, tmp_path: Path) -> None:
    name = f"{tmp_path}/net.py:Net"
    (tmp_path / "net.py").write_text(source_that_writes(tmp_path / "written"))
    run = make_run(tmp_path / "runs")
    recipe = msgspec.structs.replace(run.config.recipe, model=name)
    (run.path / "config.json").write_bytes(msgspec.json.encode(msgspec.structs.replace(run.config, recipe=recipe)))
    assert_failed(train(run), "net.py:Net")
    assert not (tmp_path / "written").exists()
