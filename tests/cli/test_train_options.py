"""Options of `train`, from the command line to the layers, the log and the checkpoints of a run."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fashion_tui.cli import engine
from fashion_tui.cli.commands import train
from fashion_tui.cli.main import run as run_command
from fashion_tui.runs.run import Run
from fashion_tui.schema.events import CheckpointSaved, EpochEnd, Started
from fashion_tui.trained_run import TrainedRun
from tests.custom_models import DROPOUT_NET
from tests.engine.in_process import EngineInProcess
from tests.gpu_machines import MACHINES
from tests.lab.fake_cuda import fake_cuda
from tests.trainer.in_process import BLACK, train_in_process
from tests.trainer.trainers import of_kind, step_metrics


@dataclass
class Computation:
    """How the layers of a network computed while it was trained."""

    precisions: set[torch.dtype] = field(default_factory=set)
    """Types of the outputs of convolutions."""
    determinism: set[bool] = field(default_factory=set)
    """Whether only deterministic algorithms were allowed."""
    threads: set[int] = field(default_factory=set)
    """Number of CPU threads of torch."""
    losses: list[float] = field(default_factory=list)


@pytest.fixture
def train_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """A function that calls `fashion-tui train` with options. It trains two steps in this process.

    `status` is the trainer's expected exit status.
    """

    def call(*options: str, status: int = 0) -> Run:
        trained: list[Run] = []

        def launch(run: Run, **_: object) -> int:
            trained.append(Run(run.path))
            train_in_process(run, images=BLACK[:128], status=status)
            return 0

        monkeypatch.setattr(train, "launch", launch)
        fixed = ("--dataset", "synthetic", "--device", "cpu", "--threads", "1", "--epochs", "1", "--batch-size", "64")
        assert run_command(["train", *fixed, "--runs", str(tmp_path), "--detach", *options]) == 0
        (run,) = trained
        return run

    monkeypatch.setattr(engine, "Engine", EngineInProcess)
    return call


Train = Callable[..., Run]


@pytest.fixture
def computation_with(train_with: Train) -> Callable[..., Computation]:
    def call(*options: str) -> Computation:
        computation = Computation()

        def record(layer: nn.Module, _inputs: Any, output: Tensor) -> None:
            if layer.training:
                computation.determinism.add(torch.are_deterministic_algorithms_enabled())
                computation.threads.add(torch.get_num_threads())
                if isinstance(layer, nn.Conv2d):
                    computation.precisions.add(output.dtype)

        hook = nn.modules.module.register_module_forward_hook(record)
        threads = torch.get_num_threads()
        try:
            run = train_with(*options)
        finally:
            hook.remove()
            torch.use_deterministic_algorithms(mode=False)
            torch.set_num_threads(threads)
        computation.losses = [loss for loss, _, _ in step_metrics(run).values()]
        return computation

    return call


Compute = Callable[..., Computation]


@pytest.mark.covers("train --deterministic")
def test_deterministic_allows_only_deterministic_algorithms(computation_with: Compute) -> None:
    assert computation_with("--deterministic").determinism == {True}
    assert computation_with("--no-deterministic").determinism == {False}
    assert computation_with().determinism == {False}


@pytest.mark.covers("train --precision", "recipe.precision")
def test_precision_is_that_of_the_layers_and_changes_the_loss(
    computation_with: Compute, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fashion_tui.lab.training.precision.has_bf16", lambda _device: True)
    guide, guide_bf16 = computation_with(), computation_with("--precision", "bf16")
    quick, quick_fp32 = (computation_with("--recipe", "quick", *options) for options in ((), ("--precision", "fp32")))
    assert guide.precisions == quick_fp32.precisions == {torch.float32}
    assert guide_bf16.precisions == quick.precisions == {torch.bfloat16}
    for one, other in ((guide, guide_bf16), (quick, quick_fp32)):
        assert one.losses != other.losses
        assert one.losses == pytest.approx(other.losses, rel=0.02)


@pytest.mark.covers("train --compile")
def test_compile_trains_with_the_compiled_network(train_with: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dynamo traces the network and gives its graph to this test, which takes a tenth of the time of Inductor."""
    calls = 0

    def backend(graph: torch.fx.GraphModule, _inputs: list[Tensor]) -> Callable[..., Any]:
        def forward(*arguments: Any) -> Any:
            nonlocal calls
            calls += 1
            return graph.forward(*arguments)

        return forward

    compile_network = torch.compile
    monkeypatch.setattr(torch, "compile", lambda model, **options: compile_network(model, backend=backend, **options))
    losses = step_metrics(train_with())
    assert calls == 0
    compiled = step_metrics(train_with("--compile"))
    assert calls == 2, "once in each step"
    assert compiled == losses


@pytest.mark.covers("train --threads")
def test_threads_is_the_number_of_threads_of_torch(computation_with: Compute) -> None:
    for threads in (1, 3):
        assert computation_with("--threads", str(threads)).threads == {threads}


@pytest.mark.covers("train --device")
def test_device_replaces_the_gpu_that_is_chosen_automatically(
    train_with: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    MACHINES["healthy"].install(monkeypatch)
    with fake_cuda(monkeypatch):
        devices = [started(train_with("--device", name)).device for name in ("auto", "cpu", "cuda:0")]
    torch.backends.cuda.matmul.allow_tf32 = False
    assert devices == ["cuda:0", "cpu", "cuda:0"]


def started(run: Run) -> Started:
    (event,) = of_kind(run, Started)
    return event


def learning_rates(run: Run) -> list[float]:
    return [rate for _, _, rate in step_metrics(run).values()]


GUIDE_PARAMETERS, QUICK_PARAMETERS = 204_542, 41_328


@pytest.mark.covers("train --recipe", "train --model", "train --lr", "recipe.model")
def test_a_recipe_chooses_network_and_learning_rate_unless_an_option_does(train_with: Train) -> None:
    """The learning rate of `quick` falls from 0.01; that of `guide` is constant."""
    for options, parameters, rates in (
        ((), GUIDE_PARAMETERS, [1e-3, 1e-3]),
        (("--recipe", "quick"), QUICK_PARAMETERS, [1e-2, 6.25e-3]),
        (("--model", "quick"), QUICK_PARAMETERS, [1e-3, 1e-3]),
        (("--lr", "5e-4"), GUIDE_PARAMETERS, [5e-4, 5e-4]),
        (("--recipe", "quick", "--lr", "8e-3", "--model", "guide"), GUIDE_PARAMETERS, [8e-3, 5e-3]),
    ):
        run = train_with(*options)
        assert started(run).parameters == parameters, options
        assert learning_rates(run) == pytest.approx(rates), options


@pytest.mark.covers("train --lr", "recipe.learning_rate")
def test_the_first_step_of_adam_is_as_large_as_the_learning_rate(train_with: Train) -> None:
    """Adam's first step is the learning rate times the sign of the gradient."""
    one_step = ("--batch-size", "128")
    before = final_weights(train_with(*one_step, "--lr", "1e-12"))["fc2.bias"]
    for lr in (1e-3, 5e-4):
        after = final_weights(train_with(*one_step, "--lr", str(lr)))["fc2.bias"]
        assert (after - before).abs().tolist() == pytest.approx([lr] * 10, rel=0.01)


def final_weights(run: Run) -> dict[str, Tensor]:
    with TrainedRun.open(run.path) as trained:
        return trained.weights()


@pytest.mark.covers("train --args", "train --model")
def test_args_are_passed_to_the_custom_model(train_with: Train, tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(DROPOUT_NET)
    for options, width in (((), 16), (("--args", '{"width": 24}'), 24)):
        run = train_with("--model", f"{file}:Net", *options)
        assert started(run).parameters == (784 + 1) * width + 2 * width + (width + 1) * 10


@pytest.mark.covers("train --epochs", "train --batch-size", "recipe.epochs", "recipe.batch_size")
def test_the_number_of_steps_depends_on_epochs_and_batch_size(train_with: Train) -> None:
    for epochs, batch_size, steps in ((1, 128, 1), (3, 50, 9), (2, 32, 8)):
        run = train_with("--epochs", str(epochs), "--batch-size", str(batch_size))
        assert len(of_kind(run, EpochEnd)) == epochs
        assert len(step_metrics(run)) == steps


@pytest.mark.covers("train --seed")
def test_the_losses_depend_on_the_seed(train_with: Train) -> None:
    default, zero, one = (step_metrics(train_with(*options)) for options in ((), ("--seed", "0"), ("--seed", "1")))
    assert default == zero
    assert one != zero


@pytest.mark.covers("train --keep-going")
def test_a_diverging_run_fails_unless_it_is_kept_going(train_with: Train) -> None:
    options = ("--lr", "10", "--batch-size", "2")
    failed = train_with(*options, status=1)
    assert "--keep-going" in (failed.read_status().message or "")
    assert len(step_metrics(failed)) == 50
    assert len(step_metrics(train_with(*options, "--keep-going"))) == 64


@pytest.mark.covers("train --checkpoint-every")
def test_checkpoints_are_saved_within_an_epoch_if_their_period_is_short(train_with: Train) -> None:
    for seconds, reasons in (("3600", {"end"}), ("1e-9", {"interval", "end"})):
        run = train_with("--checkpoint-every", seconds)
        assert {event.reason for event in of_kind(run, CheckpointSaved)} == reasons


@pytest.mark.covers("train --validation")
def test_validation_images_are_held_out(train_with: Train) -> None:
    for options, images in (((), 128), (("--validation", "28"), 100)):
        run = train_with(*options)
        assert started(run).train_images == images
        (epoch,) = of_kind(run, EpochEnd)
        assert (epoch.validation_accuracy is None) == (images == 128)


@pytest.mark.covers("train --name", "recipe.name")
def test_a_runs_id_contains_its_name_or_that_of_its_recipe(train_with: Train) -> None:
    for options, name in (((), "guide"), (("--recipe", "quick"), "quick"), (("--name", "Wide net"), "wide-net")):
        assert re.fullmatch(rf"\d{{8}}-\d{{6}}-{name}-....", train_with(*options).id)


@pytest.mark.covers("train --on-end")
def test_a_command_is_run_after_the_end_in_the_folder_where_it_was_typed(
    train_with: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "typed").mkdir()
    monkeypatch.chdir(tmp_path / "typed")
    run = train_with("--on-end", 'echo "$FASHION_TUI_NAME $FASHION_TUI_STATE" > ended')
    assert (tmp_path / "typed" / "ended").read_text() == f"{run.id.split('-', 2)[2]} finished\n"
