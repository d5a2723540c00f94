"""The engine on a simulated GPU."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import pytest
import torch

from fashion_tui.data.sources import SYNTHETIC
from fashion_tui.engine.protocol import Call, Failure, ToClient
from fashion_tui.engine.server import evaluation as handlers
from fashion_tui.engine.server import serve
from fashion_tui.engine.server.cache import Cache
from fashion_tui.lab.networks.builtin import build
from fashion_tui.lab.training.checkpoint import write_checkpoint
from fashion_tui.schema.requests import Evaluate, GetDevices
from fashion_tui.trained_run import TrainedRun
from tests.gpu_machines import MACHINES
from tests.lab.fake_cuda import fake_cuda
from tests.runs.parts import make_run

CALL: Any = SimpleNamespace(progress=lambda *_: None, cancelled=lambda: False, interruptible=nullcontext)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    with make_run(tmp_path / "runs", dataset=SYNTHETIC, device="cuda") as run:
        run.checkpoints.save(_untrained(), step=1, epoch=0)
        return run.path


def _untrained() -> Callable[[BinaryIO], None]:
    state = {"model": build("guide").state_dict()}
    return lambda file: write_checkpoint(file, state, {})


@pytest.fixture
def tf32() -> Iterator[None]:
    """Restore the TF32 setting."""
    yield
    torch.backends.cuda.matmul.allow_tf32 = False


@pytest.mark.usefixtures("tf32")
@pytest.mark.parametrize("fits", [True, False])
def test_an_evaluation_frees_the_gpu_or_falls_back_to_the_cpu(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, fits: bool
) -> None:
    """If another process fills the GPU, even the CUDA context doesn't fit."""
    devices = []
    network = TrainedRun.network

    def cramped(trained: TrainedRun, device: torch.device = torch.device("cpu")) -> torch.nn.Module:  # noqa: B008
        devices.append(device)
        if device.type == "cuda" and not fits:
            raise torch.AcceleratorError("CUDA error: out of memory")
        return network(trained, device)

    monkeypatch.setattr(TrainedRun, "network", cramped)
    MACHINES["healthy"].install(monkeypatch)
    with fake_cuda(monkeypatch) as cuda:
        evaluation = handlers.evaluate_run(
            Evaluate(run_path=str(run), checkpoint="final"), CALL, Cache(tmp_path / "cache")
        )
    assert evaluation.n == 2_000
    gpu = torch.device("cuda", 0)
    assert devices == ([gpu] if fits else [gpu, torch.device("cpu")])
    assert cuda.calls == (["empty_cache"] if fits else [])
    assert torch.backends.cuda.matmul.allow_tf32, "as in the trainer's test"


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (torch.AcceleratorError("CUDA error: an illegal memory access was encountered"), True),
        (torch.OutOfMemoryError("CUDA out of memory"), False),
        (RuntimeError("shapes cannot be multiplied"), False),
    ],
)
def test_the_engine_ends_after_an_error_that_makes_the_gpu_unusable(
    error: Exception, monkeypatch: pytest.MonkeyPatch, *, ends: bool
) -> None:
    """The client starts a new engine for the next request."""

    def fail(*_: object) -> None:
        raise error

    sent: list[ToClient] = []
    calls = [Call(id=number, request=GetDevices()) for number in (1, 2)]
    connection: Any = SimpleNamespace(
        calls=lambda: iter(calls), send=sent.append, log=Path("engine.log"), must_end=False, keep_log=False
    )
    monkeypatch.setattr(serve, "HANDLERS", {GetDevices: fail})
    serve.serve(connection)
    assert [message.id for message in sent] == ([1] if ends else [1, 2])
    assert isinstance(sent[0], Failure)
    assert str(error) in sent[0].message
