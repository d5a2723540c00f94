"""Which device a word means to the command line, before anything is trained."""

from pathlib import Path

import pytest
import torch

from fashion_tui.cli.commands.training import _device
from fashion_tui.runs import host


def test_without_a_driver_auto_is_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "DRIVER_PATHS", ())
    assert _device("auto") == "cpu"
    assert [host.means_cpu(word) for word in ("auto", "cpu", "cuda", "mps")] == [True, True, False, False]


def test_with_a_driver_it_is_what_torch_can_use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(host, "DRIVER_PATHS", (str(tmp_path),))
    assert _device("auto") == ("cuda:0" if torch.cuda.is_available() else "cpu")
    assert _device("cpu") == "cpu"
    assert not host.means_cpu("auto")
