"""Validation of --device."""

from pathlib import Path

import msgspec
import pytest

from fashion_tui.cli import inputs
from fashion_tui.cli.commands import train
from fashion_tui.machine import gpus
from fashion_tui.schema.replies import Device


@pytest.mark.parametrize("has_driver", [False, True])
def test_only_a_named_gpu_is_looked_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, has_driver: bool) -> None:
    for paths in ("NVIDIA_PATHS", "AMD_PATHS", "WSL_PATHS"):
        monkeypatch.setattr(gpus, paths, ())
    monkeypatch.setattr(gpus, "AMD_PATHS", (str(tmp_path),) if has_driver else ())
    asked = []
    monkeypatch.setattr(inputs, "ask_engine", lambda request, *_: asked.append(request.name))
    for name in ("auto", "cpu", "cuda:1", "mps"):
        inputs.check_device(name)
    assert asked == ["cuda:1", "mps"]
    expected = [not has_driver, True, False, False]
    assert [gpus.resolves_to_cpu(name) for name in ("auto", "cpu", "cuda", "mps")] == expected


@pytest.mark.parametrize("problem", [None, "H100 can't be used"])
def test_a_run_in_the_background_says_first_why_it_uses_the_cpu(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], problem: str | None
) -> None:
    devices = tuple(Device(name=name, description="", memory=None) for name in ("cpu", "cuda:0"))
    devices = (devices[0], msgspec.structs.replace(devices[1], problem=problem))
    monkeypatch.setattr(train, "ask_engine", lambda *_: devices)
    monkeypatch.setattr(train, "has_gpu_driver", lambda: True)
    train._warn_about_unused_gpu("cpu")
    train._warn_about_unused_gpu("auto")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == ("" if problem is None else f"warning: training on the CPU: {problem}\n")
