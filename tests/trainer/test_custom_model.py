"""Runs of custom models are reproducible to the bit, and don't need the file that the model came from."""

from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import msgspec
import pytest
import torch

from fashion_tui.lab.data.datasets import load
from fashion_tui.lab.evaluation.metrics import predict_logits
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.runs import launch, requests
from fashion_tui.runs.layout import MODEL_FILE
from fashion_tui.runs.reader import RunReader
from fashion_tui.schema.events import (
    EpochEnd,
    Finished,
    RequestHandled,
    Resumed,
    Started,
    StepChunk,
    Warned,
)
from fashion_tui.trained_run import TrainedRun
from fashion_tui.tui.train.summary import note_text
from tests.custom_models import (
    DROPOUT_NET,
    custom_model,
    forget_trust,
    model_in_several_files,
    source_that_writes,
)

from .forked import ForkedTrainer
from .trainers import assert_failed, assert_same, final_state, make_run, make_small_run, of_kind, results, step_metrics

pytestmark = pytest.mark.timeout(600)

Fork = Callable[..., ForkedTrainer]


def test_a_killed_and_resumed_run_equals_the_undisturbed_one_to_the_bit(fork: Fork, tmp_path: Path) -> None:
    """The model draws random numbers for dropout in each step, and has batch norm statistics."""
    undisturbed, run = (make_run(tmp_path, network=custom_model(width=32), model="Net", epochs=20) for _ in range(2))
    assert fork(undisturbed).end() == 0
    (started,) = of_kind(undisturbed, Started)
    assert (started.model, started.parameters) == ("Net", 784 * 32 + 32 + 64 + 330)

    trainer = fork(run)
    trainer.wait_for(StepChunk)
    run.control.request("checkpoint")
    handled = trainer.wait_for(RequestHandled)  # a few milliseconds later, an epoch may save another checkpoint
    trainer.kill()
    trainer = fork(run)
    assert trainer.wait_for(Resumed).step >= handled.step > 0
    assert trainer.end() == 0
    assert final_state(run) == final_state(undisturbed)
    assert step_metrics(run) == step_metrics(undisturbed)
    ends = [of_kind(each, Finished)[-1] for each in (run, undisturbed)]
    assert ends[0].test_accuracy == ends[1].test_accuracy
    assert ends[0].test_loss == ends[1].test_loss


def test_a_model_in_several_files_resumes_to_the_bit(fork: Fork, tmp_path: Path) -> None:
    """The number of calls, a global variable of a module that `forward` imports, scales the outputs.

    A package that has another version since the start is reported.
    """
    network = model_in_several_files(width=12)
    undisturbed, run = (make_small_run(tmp_path, network=network, model="Net", epochs=4) for _ in range(2))
    assert fork(undisturbed).end() == 0
    trainer = fork(run)
    trainer.wait_for(StepChunk)
    run.control.request("checkpoint")
    trainer.wait_for(RequestHandled)
    trainer.kill()
    versions = run.config.versions | {"numpy": "0.1"}
    (run.path / "config.json").write_bytes(msgspec.json.encode(msgspec.structs.replace(run.config, versions=versions)))
    trainer = fork(run)
    assert trainer.wait_for(Resumed).step > 0
    assert trainer.end() == 0
    assert_same(run, undisturbed)
    (warned,) = (event.message for event in of_kind(run, Warned))
    assert f"numpy 0.1 is now {metadata.version('numpy')}" in warned
    assert not of_kind(undisturbed, Warned)


COUNTER_NET = """
import itertools, torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(784, 10)
        self.register_buffer("mean", torch.zeros(784), persistent=False)
        self.calls = 0

    def forward(self, x):
        x = x.flatten(1)
        if self.training:
            self.calls += 1
            self.mean.lerp_(x.mean(0), 0.1)
            x = x + torch.randn_like(x) / self.calls
        return self.fc(x - self.mean)
"""
"""A network with a plain attribute and a buffer that aren't in its state_dict."""


def test_state_outside_the_state_dict_is_saved(fork: Fork, tmp_path: Path) -> None:
    """A stopped and resumed run equals the undisturbed one, and an evaluation of its checkpoint has the same result."""
    undisturbed, run = (make_run(tmp_path, network=custom_model(COUNTER_NET), model="Net", epochs=6) for _ in range(2))
    assert fork(undisturbed).end() == 0
    assert not of_kind(undisturbed, Warned)
    trainer = fork(run)
    trainer.wait_for(StepChunk)
    run.control.request("stop")
    assert trainer.end() == 0
    assert fork(run).end() == 0
    assert of_kind(run, Resumed)
    assert final_state(run) == final_state(undisturbed)
    assert results(run) == results(undisturbed)

    (finished,) = of_kind(run, Finished)
    with TrainedRun.open(run.path) as trained:
        test = load(run.config.dataset).test
        logits = predict_logits(trained.network(), test.pixels, run.config.recipe, torch.device("cpu"))
    assert (logits.argmax(1) == test.labels).double().mean().item() == finished.test_accuracy


def test_state_that_cannot_be_saved_is_named_before_the_first_step_and_asked_about(fork: Fork, tmp_path: Path) -> None:
    source = COUNTER_NET.replace("self.calls = 0", "self.calls = itertools.count(1)")
    source = source.replace("self.calls += 1", "calls = next(self.calls)").replace("/ self.calls", "/ calls")
    run = make_run(tmp_path, network=custom_model(source), model="Net", epochs=500)
    trainer = fork(run)
    warned = trainer.wait_for(Warned)
    assert "calls (count) of Net can't be saved" in warned.message
    trainer.wait_for(StepChunk)
    run.control.request("checkpoint")
    trainer.wait_for(RequestHandled)
    assert sum("calls (count)" in event.message for event in of_kind(run, Warned)) == 1
    requests.pause(run)
    assert launch.resume(run).state == "running", "a paused trainer still has the state"
    trainer.kill()
    with pytest.raises(launch.InexactResume, match=r"calls \(count\).*--inexact"):
        launch.resume(run)
    assert launch.resume(run, inexact=True).state == "starting"
    requests.stop(run)
    assert of_kind(run, Resumed)


def test_a_failing_step_is_named_and_the_metrics_of_the_steps_before_are_logged(fork: Fork, tmp_path: Path) -> None:
    source = COUNTER_NET.replace("self.calls += 1", "self.calls += 1; assert self.calls != 70, 'seventy'")
    run = make_run(tmp_path, network=custom_model(source), model="Net")
    failed = assert_failed(fork(run), "AssertionError: seventy")
    assert failed.step == 70
    assert list(step_metrics(run)) == list(range(1, 70))
    assert run.read_status().step == 69


def test_outputs_that_are_not_numbers_in_evaluation_give_no_scores(fork: Fork, tmp_path: Path) -> None:
    source = COUNTER_NET.replace(
        "return self.fc(x - self.mean)",
        "y = self.fc(x - self.mean); return y if self.training or len(x) == 2 else y * 0 / torch.zeros(())",
    )
    run = make_run(tmp_path, network=custom_model(source), model="Net", epochs=1)
    assert fork(run).end() == 0
    (epoch,), (finished,) = of_kind(run, EpochEnd), of_kind(run, Finished)
    assert (epoch.validation_accuracy, epoch.validation_loss) == ("NaN", "NaN")
    assert (finished.test_accuracy, finished.test_loss) == ("NaN", "NaN")
    validation, test = (event.message for event in of_kind(run, Warned))
    assert "8,000 of 8,000 validation images" in validation
    assert "2,000 of 2,000 test images" in test
    status = run.read_status()
    assert (status.state, status.test_accuracy, status.message) == ("finished", None, test)
    assert run.checkpoints.best() is None
    assert test in note_text(RunReader(run).poll(), None, terminal_glyphs()).plain
    with TrainedRun.open(run.path) as trained:
        assert all(tensor.isfinite().all() for tensor in trained.weights().values())


def test_a_trainer_does_not_execute_untrusted_code(fork: Fork, tmp_path: Path, state_home: Path) -> None:
    """The trainer itself checks the trust again, since the source may be changed between the launch and its start."""
    written = tmp_path / "written"
    run = make_run(tmp_path, network=custom_model(source_that_writes(written)), model="Net")
    forget_trust(state_home)
    assert_failed(fork(run), "--trust")
    assert not written.exists()


def test_a_changed_source_is_not_executed(fork: Fork, tmp_path: Path) -> None:
    written = tmp_path / "written"
    run = make_run(tmp_path, network=custom_model(), model="Net")
    (run.path / MODEL_FILE).write_text(source_that_writes(written))
    assert_failed(fork(run), "model.py has been changed")
    assert not written.exists()


def test_a_module_beside_the_source_is_not_imported(fork: Fork, tmp_path: Path) -> None:
    """The source is verified by its hash, but other files aren't."""
    written = tmp_path / "written"
    run = make_run(tmp_path, network=custom_model(f"import extra\n{DROPOUT_NET}"), model="Net")
    (run.path / "extra.py").write_text(source_that_writes(written))
    assert_failed(fork(run), "No module named 'extra'")
    (run.path / "modules").mkdir()
    (run.path / "modules" / "extra.py").write_text(source_that_writes(written))
    assert_failed(fork(run), "No module named 'extra'")
    assert not written.exists()


def test_a_network_without_ten_outputs_fails_before_the_first_step(fork: Fork, tmp_path: Path) -> None:
    network = custom_model(DROPOUT_NET.replace("nn.Linear(width, 10)", "nn.Linear(width, 9)"))
    run = make_run(tmp_path, network=network, model="Net")
    failed = assert_failed(fork(run), "[2, 9]")
    assert failed.step == 0
    assert not of_kind(run, Started)


def test_the_name_of_a_built_in_model_is_never_taken_for_a_file(fork: Fork, tmp_path: Path) -> None:
    name = f"{tmp_path}/net.py:Net"
    (tmp_path / "net.py").write_text(source_that_writes(tmp_path / "written"))
    run = make_run(tmp_path / "runs")
    recipe = msgspec.structs.replace(run.config.recipe, model=name)
    (run.path / "config.json").write_bytes(msgspec.json.encode(msgspec.structs.replace(run.config, recipe=recipe)))
    assert_failed(fork(run), "net.py:Net")
    assert not (tmp_path / "written").exists()
