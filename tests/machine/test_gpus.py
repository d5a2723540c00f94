"""GPU usage, read from a substitute for nvidia-smi."""

import os
from pathlib import Path

import pytest

from fashion_tui.machine.gpus import GpuUsage, gpu_usage


def install_nvidia_smi(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_usage_is_keyed_by_uuid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_nvidia_smi(tmp_path, "echo 'GPU-1f-2, 37, 2048'; echo 'GPU-3a-4, [N/A], [N/A]'", monkeypatch)
    assert gpu_usage() == {"1f-2": GpuUsage(0.37, 2 * 2**30), "3a-4": GpuUsage(None, None)}


@pytest.mark.parametrize("script", ["exit 9", "echo NVIDIA-SMI has failed", "printf '\\377'", "true"])
def test_usage_is_empty_if_nvidia_smi_fails(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_nvidia_smi(tmp_path, script, monkeypatch)
    assert gpu_usage() == {}


def test_usage_is_empty_without_nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_usage() == {}
