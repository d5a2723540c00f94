"""Validation of --device."""

from pathlib import Path

import pytest

from fashion_tui.cli.commands import train
from fashion_tui.machine import gpus


@pytest.mark.parametrize("has_driver", [False, True])
def test_only_a_named_gpu_is_looked_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, has_driver: bool) -> None:
    monkeypatch.setattr(gpus, "DRIVER_PATHS", (str(tmp_path),) if has_driver else ())
    asked = []
    monkeypatch.setattr(train, "ask_engine", lambda request, *_: asked.append(request.name))
    for name in ("auto", "cpu", "cuda:1", "mps"):
        train._check_device(name)
    assert asked == ["cuda:1", "mps"]
    expected = [not has_driver, True, False, False]
    assert [gpus.resolves_to_cpu(name) for name in ("auto", "cpu", "cuda", "mps")] == expected
