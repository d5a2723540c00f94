"""What nvidia-smi says of the GPUs, asked of a program that answers as it does."""

import os
from pathlib import Path

import pytest

from fashion_tui.lab.gpus import Usage, usage_by_uuid


def stand_in(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_each_gpu_is_known_by_its_uuid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, "echo 'GPU-1f-2, 37, 2048'; echo 'GPU-3a-4, [N/A], [N/A]'", monkeypatch)
    assert usage_by_uuid() == {"1f-2": Usage(0.37, 2 * 2**30), "3a-4": Usage(None, None)}


@pytest.mark.parametrize("script", ["exit 9", "echo NVIDIA-SMI has failed", "printf '\\377'", "true"])
def test_a_driver_that_fails_tells_nothing(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, script, monkeypatch)
    assert usage_by_uuid() == {}


def test_without_the_program_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert usage_by_uuid() == {}
