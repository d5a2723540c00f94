"""Information about GPUs, read from a simulated NVML."""

from dataclasses import replace

import pytest

from fashion_tui.machine.gpus import GpuUsage, gpu_names, gpu_usage, has_gpu_driver, has_nvidia_driver
from tests.gpu_machines import H100, MACHINES, SECOND, SLICE, Machine


def test_usage_is_keyed_by_uuid(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = replace(SECOND, busy=None, free=None)
    Machine((H100, SLICE), nvml_gpus=(H100, silent)).install(monkeypatch)
    assert gpu_usage([H100.uuid, SECOND.uuid, SLICE.uuid, "unknown"]) == {
        H100.uuid: GpuUsage(0.03, 2**30, 79 * 2**30),
        SECOND.uuid: GpuUsage(None, None, None),
        SLICE.uuid: GpuUsage(None, 2**30, 9 * 2**30),
    }
    assert gpu_names() == (H100.name, SECOND.name)


def test_nothing_is_known_without_nvml() -> None:
    """NVML isn't simulated here. On a machine with an NVIDIA driver, nothing is tested."""
    if not has_nvidia_driver():
        assert gpu_usage([H100.uuid]) == {}
        assert gpu_names() == ()


@pytest.mark.parametrize("name", MACHINES)
def test_a_driver_is_found_if_there_is_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MACHINES[name].install(monkeypatch)
    assert has_gpu_driver() == (name != "no driver")
    assert has_nvidia_driver() == (name not in {"no driver", "ROCm"})


@pytest.mark.parametrize("gpus", [None, (H100,)])
def test_wsl_counts_as_an_nvidia_driver_only_if_nvml_finds_a_gpu(
    gpus: tuple[object, ...] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    Machine(nvml_gpus=gpus, driver_files=("WSL_PATHS",)).install(monkeypatch)  # type: ignore[arg-type]
    assert has_gpu_driver()
    assert has_nvidia_driver() == (gpus is not None)
