"""The device that --device selects."""

from pathlib import Path

import pytest
import torch

from fashion_tui.cli.commands.train import _find_device
from fashion_tui.machine import gpus


def test_auto_is_the_cpu_without_a_gpu_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "DRIVER_PATHS", ())
    assert _find_device("auto") == "cpu"
    assert [gpus.resolves_to_cpu(name) for name in ("auto", "cpu", "cuda", "mps")] == [True, True, False, False]


def test_auto_is_what_torch_can_use_with_a_gpu_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(gpus, "DRIVER_PATHS", (str(tmp_path),))
    assert _find_device("auto") == ("cuda:0" if torch.cuda.is_available() else "cpu")
    assert _find_device("cpu") == "cpu"
    assert not gpus.resolves_to_cpu("auto")
