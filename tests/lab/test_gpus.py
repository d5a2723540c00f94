"""Finding GPUs, on simulated machines, and saying why a GPU can't be used."""

import os
from dataclasses import replace

import psutil
import pynvml
import pytest
import torch

from fashion_tui.cli.commands.doctor import _table
from fashion_tui.engine.server.cache import Cache
from fashion_tui.engine.server.devices import get_torch_report
from fashion_tui.lab.devices import (
    choose_device,
    find_device,
    has_bf16,
    list_devices,
    set_determinism,
    unused_gpu_problem,
)
from fashion_tui.lab.gpus import explain_memory, find_gpus
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.replies import auto_problem
from fashion_tui.schema.requests import GetTorchReport
from tests.gpu_machines import FULL, H100, MACHINES, SECOND, SLICE, V100, Machine

UNUSABLE = {
    "old driver": ("RTX 3090", "too old", "update the driver to 580", "CUDA 12.6"),
    "error 802": ("H100", "Error 802: system not yet initialized", "nvidia-fabricmanager"),
    "none visible": ("H100", "No CUDA GPUs are available", "CUDA_VISIBLE_DEVICES is ''"),
    "old card": ("V100", "sm_70", "sm_75", "CUDA 12.6"),
}
"""Words of the explanation for each machine whose GPU torch can't use."""


@pytest.mark.parametrize("name", MACHINES)
def test_auto_is_a_usable_gpu_or_the_cpu(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MACHINES[name].install(monkeypatch)
    is_usable = name in {"MIG", "ROCm", "healthy"}
    assert choose_device("auto") == (torch.device("cuda", 0) if is_usable else torch.device("cpu"))
    problem = unused_gpu_problem()
    assert auto_problem(list_devices()) == problem
    assert (problem is not None) == (name in UNUSABLE)
    if problem is not None:
        assert all(words in problem for words in UNUSABLE[name])
        assert "\n" not in problem


@pytest.mark.parametrize("name", ["no driver", *UNUSABLE])
@pytest.mark.parametrize("device", ["cuda", "cuda:0"])
def test_an_unusable_gpu_is_refused_with_the_reason(name: str, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MACHINES[name].install(monkeypatch)
    with pytest.raises(UserError) as refused:
        choose_device(device)
    none = (f"device is '{device}', but found no NVIDIA driver on your system; use --device cpu",)
    expected = (f"device is '{device}'", *UNUSABLE.get(name, none))
    assert all(words in str(refused.value) for words in expected)


@pytest.mark.parametrize("name", MACHINES)
def test_doctor_reports_the_reason(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MACHINES[name].install(monkeypatch)
    checks = get_torch_report(GetTorchReport(), None, Cache())  # type: ignore[arg-type]
    (gpu, *_) = (check for check in checks if check.name.startswith("device: cuda"))
    expected = {
        **UNUSABLE,
        "no driver": ("Found no NVIDIA driver",),
        "MIG": ("MIG 1g.10gb", "10 GiB", "bf16"),
        "ROCm": ("MI300X", "192 GiB"),
        "healthy": ("H100", "80 GiB", "bf16"),
    }[name]
    assert all(words in gpu.detail for words in expected)
    assert gpu.ok == (name not in UNUSABLE)
    assert ("built for ROCm 7.2" if name == "ROCm" else "built for CUDA 13.0") in checks[0].detail
    assert _table(checks, "fashion-mnist").row_count == len(checks)


def test_an_amd_gpu_needs_a_build_for_rocm(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(error="Found no NVIDIA driver on your system", driver_files=("AMD_PATHS",)).install(monkeypatch)
    checks = get_torch_report(GetTorchReport(), None, Cache())  # type: ignore[arg-type]
    assert "ROCm" in next(check.detail for check in checks if check.name == "device: cuda")
    assert unused_gpu_problem() is None, "AMD laptops have this driver too, and need no warning in each run"


def test_advice_fits_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a driver, neither a variable nor another build of torch helps."""
    hidden = {"CUDA_VISIBLE_DEVICES": ""}
    replace(MACHINES["no driver"], environment=hidden).install(monkeypatch)
    with pytest.raises(UserError) as refused:
        choose_device("cuda")
    assert "CUDA_VISIBLE_DEVICES" not in str(refused.value)
    no_cuda = Machine(error="Torch not compiled with CUDA enabled", nvml_gpus=(H100,), cuda=None)
    for has_driver in (True, False):
        replace(no_cuda, driver_files=("NVIDIA_PATHS",) if has_driver else ()).install(monkeypatch)
        with pytest.raises(UserError) as refused:
            choose_device("cuda")
        assert ("CUDA 13.0" in str(refused.value)) == has_driver


def test_devices_are_those_of_cuda_not_those_of_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    MACHINES["MIG"].install(monkeypatch)
    assert [device.name for device in list_devices()] == ["cpu", "cuda:0"]
    assert find_device("cuda").description == SLICE.name
    with pytest.raises(UserError, match="cuda:0 to cuda:0"):
        choose_device("cuda:1")


def test_list_shows_the_usage_of_each_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine((FULL, SECOND), nvml_gpus=(SECOND, FULL)).install(monkeypatch)
    _, first, second = list_devices()
    assert (first.memory_used, first.utilization) == (79 * 2**30, 0.03)
    assert second.memory_used == 0


def test_finding_a_device_measures_no_load(monkeypatch: pytest.MonkeyPatch) -> None:
    MACHINES["healthy"].install(monkeypatch)
    for module, function in ((psutil, "cpu_percent"), (pynvml, "nvmlInit")):
        monkeypatch.setattr(module, function, lambda *_: pytest.fail("not needed"))
    assert [find_device(name).name for name in ("cuda:1", "cpu")] == ["cuda:1", "cpu"]


def test_auto_avoids_a_full_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine((FULL, SECOND), nvml_gpus=(FULL, SECOND)).install(monkeypatch)
    assert choose_device("auto") == torch.device("cuda", 1)
    Machine((FULL, SECOND)).install(monkeypatch)  # NVML doesn't work
    assert choose_device("auto") == torch.device("cuda", 0)
    Machine((V100, SECOND), nvml_gpus=(V100, SECOND)).install(monkeypatch)
    assert choose_device("auto") == torch.device("cuda", 1), "cuda:0 has no kernels"


def test_bf16_is_a_property_of_the_given_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine((V100, H100), nvml_gpus=(V100, H100)).install(monkeypatch)
    assert [has_bf16(torch.device("cuda", index)) for index in (0, 1)] == [False, True]


@pytest.mark.parametrize(
    ("architectures", "capability", "runs"),
    [
        (("sm_80",), (8, 6), True),
        (("sm_86",), (8, 0), False),
        (("sm_90a", "sm_90"), (9, 0), True),
        (("sm_90",), (12, 0), False),
        (("sm_90", "compute_90"), (12, 0), True),
        ((), (7, 0), True),
    ],
)
def test_binary_code_runs_within_a_major_version(
    architectures: tuple[str, ...], capability: tuple[int, int], monkeypatch: pytest.MonkeyPatch, *, runs: bool
) -> None:
    gpu = replace(H100, capability=capability)
    Machine((gpu,), nvml_gpus=(gpu,), architectures=architectures).install(monkeypatch)
    assert (find_gpus()[0].problem is None) == runs


def test_an_amd_gpu_needs_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    replace(MACHINES["ROCm"], architectures=("gfx90a", "gfx1100")).install(monkeypatch)
    assert "gfx942" in (find_gpus()[0].problem or "")


def test_miopen_does_not_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)  # restored at the end
    for name, searches in (("ROCm", False), ("healthy", True)):
        MACHINES[name].install(monkeypatch)
        set_determinism(torch.device("cpu"), deterministic=False)
        assert torch.backends.cudnn.benchmark == searches


def test_all_getters_of_tf32_agree() -> None:
    """torch.compile calls the older getters."""
    matmul = torch.backends.cuda.matmul
    before = matmul.allow_tf32
    try:
        for name, is_used in (("cpu", False), ("cuda:0", True)):
            matmul.allow_tf32 = False
            set_determinism(torch.device(name), deterministic=False)
            assert matmul.allow_tf32 == is_used
            assert (matmul.fp32_precision == "tf32") == is_used
            assert torch.get_float32_matmul_precision() == ("high" if is_used else "highest")
    finally:
        matmul.allow_tf32 = before


@pytest.mark.parametrize(
    ("own", "others", "is_ours", "words"),
    [
        (70, (), True, ("9.0 GiB of 80.0 GiB are free", "this process uses 70.0 GiB")),
        (2, ((os.getppid(), 69),), False, (f"(process {os.getppid()}) 69.0 GiB", "this process uses 2.0 GiB")),
        (2, (), False, ("other processes 69.0 GiB",)),
        (2, ((os.getpid(), 60),), True, ("this process uses 60.0 GiB",)),
    ],
)
def test_it_is_explained_who_uses_the_memory(
    own: int,
    others: tuple[tuple[int, int], ...],
    words: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_ours: bool,
) -> None:
    gib = 2**30
    gpu = replace(H100, free=9 * gib, processes=tuple((pid, memory * gib) for pid, memory in others))
    Machine((gpu,), nvml_gpus=(gpu,)).install(monkeypatch)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _device: own * gib)
    text, found = explain_memory(torch.device("cuda", 0))
    assert found == is_ours
    assert all(word in text for word in words)


@pytest.mark.parametrize(("own", "is_ours"), [(50, True), (2, False)])
def test_memory_is_explained_without_nvml(own: int, monkeypatch: pytest.MonkeyPatch, *, is_ours: bool) -> None:
    Machine((H100,)).install(monkeypatch)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _device: own * 2**30)
    text, found = explain_memory(torch.device("cuda", 0))
    assert found == is_ours
    assert f"{own}.0 GiB of 80.0 GiB" in text


@pytest.mark.parametrize("successes", [0, 1])
def test_memory_is_explained_if_nvml_fails(successes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """NVML is asked for the used and for the free memory. It can also fail only the second time."""
    Machine((H100,), nvml_gpus=(H100,)).install(monkeypatch)
    answers = iter([pynvml.nvmlDeviceGetMemoryInfo(H100)] * successes)

    def fail_later(_gpu: object) -> object:
        for answer in answers:
            return answer
        raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)

    monkeypatch.setattr(pynvml, "nvmlDeviceGetMemoryInfo", fail_later)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _device: 50 * 2**30)
    assert explain_memory(torch.device("cuda", 0)) == ("this process uses 50.0 GiB of 80.0 GiB", True)
