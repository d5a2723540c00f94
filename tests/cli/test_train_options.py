"""Options of `train` that change how the network computes, from the command line to the layers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fashion_tui.cli.commands import train
from fashion_tui.cli.main import run as run_command
from fashion_tui.runs.run import Run
from tests.trainer.in_process import BLACK, train_in_process
from tests.trainer.trainers import step_metrics


@dataclass
class Computation:
    """How the layers of a network computed while it was trained."""

    precisions: set[torch.dtype] = field(default_factory=set)
    """Types of the outputs of convolutions."""
    determinism: set[bool] = field(default_factory=set)
    """Whether only deterministic algorithms were allowed."""
    losses: list[float] = field(default_factory=list)


@pytest.fixture
def train_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """A function that calls `fashion-tui train` with options. It trains two steps in this process."""
    trained: list[Run] = []

    def launch(run: Run) -> int:
        trained.append(Run(run.path))
        train_in_process(run, images=BLACK[:128])
        return 0

    def call(*options: str) -> Run:
        fixed = ("--dataset", "synthetic", "--device", "cpu", "--threads", "1", "--epochs", "1", "--batch-size", "64")
        assert run_command(["train", *fixed, "--runs", str(tmp_path), "--detach", *options]) == 0
        return trained[-1]

    monkeypatch.setattr(train, "launch", launch)
    return call


@pytest.fixture
def computation_with(train_with: Callable[..., Run]) -> Callable[..., Computation]:
    def call(*options: str) -> Computation:
        computation = Computation()

        def record(layer: nn.Module, _inputs: Any, output: Tensor) -> None:
            if layer.training:
                computation.determinism.add(torch.are_deterministic_algorithms_enabled())
                if isinstance(layer, nn.Conv2d):
                    computation.precisions.add(output.dtype)

        hook = nn.modules.module.register_module_forward_hook(record)
        try:
            run = train_with(*options)
        finally:
            hook.remove()
            torch.use_deterministic_algorithms(mode=False)
        computation.losses = [loss for loss, _, _ in step_metrics(run).values()]
        return computation

    return call


Compute = Callable[..., Computation]


def test_deterministic_allows_only_deterministic_algorithms(computation_with: Compute) -> None:
    assert computation_with("--deterministic").determinism == {True}
    assert computation_with("--no-deterministic").determinism == {False}
    assert computation_with().determinism == {False}


def test_precision_is_that_of_the_layers_and_changes_the_loss(
    computation_with: Compute, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fashion_tui.lab.training.optimizers.has_bf16", lambda _device: True)
    guide, guide_bf16 = computation_with(), computation_with("--precision", "bf16")
    quick, quick_fp32 = (computation_with("--recipe", "quick", *options) for options in ((), ("--precision", "fp32")))
    assert guide.precisions == quick_fp32.precisions == {torch.float32}
    assert guide_bf16.precisions == quick.precisions == {torch.bfloat16}
    for one, other in ((guide, guide_bf16), (quick, quick_fp32)):
        assert one.losses != other.losses
        assert one.losses == pytest.approx(other.losses, rel=0.02)


def test_compile_trains_with_the_compiled_network(
    train_with: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
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
