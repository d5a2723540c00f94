"""Operations that Apple's GPU computes wrongly or doesn't support are avoided. The GPU is simulated on the CPU."""

from typing import Any

import pytest
import torch

from fashion_tui.bench.contenders import synchronize
from fashion_tui.lab.inspect.values import _to_float
from fashion_tui.lab.networks.build import move_network
from fashion_tui.lab.networks.builtin import build
from fashion_tui.lab.rng import rng_state, set_rng_state

from .fake_cuda import OnCPU

MPS = torch.device("mps")


def test_networks_are_contiguous_on_mps_and_channels_last_elsewhere() -> None:
    def filters(device: torch.device) -> list[torch.Tensor]:
        with OnCPU():
            model = move_network(build("strong"), device)
        return [weight for weight in model.parameters() if weight.dim() == 4 and min(weight.shape) > 1]

    assert all(weight.is_contiguous() for weight in filters(MPS))
    assert all(weight.is_contiguous(memory_format=torch.channels_last) for weight in filters(torch.device("cuda")))


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.float16, torch.float32])
def test_values_are_moved_to_the_cpu_before_they_become_float64(dtype: torch.dtype) -> None:
    calls: list[str] = []

    class Recorder(OnCPU):
        def __torch_function__(self, func: Any, *arguments: Any) -> Any:
            calls.append(getattr(func, "__name__", ""))
            return super().__torch_function__(func, *arguments)

    with Recorder():
        assert _to_float(torch.tensor([[1, 0]]).to(dtype)).tolist() == [1, 0]
    assert "cpu" in calls
    assert "double" not in calls[: calls.index("cpu")]


def test_benchmark_waits_for_mps(monkeypatch: pytest.MonkeyPatch) -> None:
    waited = []
    monkeypatch.setattr(torch.mps, "synchronize", lambda: waited.append(True))
    synchronize(MPS)
    assert waited


def test_the_generator_of_mps_is_restored_if_its_state_was_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    restored = []
    monkeypatch.setattr(torch.mps, "get_rng_state", lambda: torch.tensor([7]))
    monkeypatch.setattr(torch.mps, "set_rng_state", lambda state: restored.append(state.tolist()))
    set_rng_state(rng_state(MPS), MPS)
    assert restored == [[7]]
    set_rng_state(rng_state(torch.device("cpu")), MPS)
    assert restored == [[7]], "a state that was saved on a CPU contains no state of an Apple GPU"
