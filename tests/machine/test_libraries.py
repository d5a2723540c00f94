"""Versions of packages, by their names on PyPI and by the names of their modules."""

from importlib import metadata
from pathlib import Path

import pytest

from fashion_tui.machine.libraries import NO_VERSION, NOT_INSTALLED, installed_version, package_of


def test_modules_and_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "on_the_path.py").write_text("raise SystemExit('executed')")
    monkeypatch.syspath_prepend(str(tmp_path))
    names = {"PIL": "pillow", "numpy": "numpy", "on_the_path": "on_the_path", "nosuch": "nosuch"}
    assert {name: package_of(name) for name in names} == names
    assert installed_version("pillow") == metadata.version("pillow")
    assert installed_version("on_the_path") == NO_VERSION
    assert [installed_version(name) for name in ("nosuch", "", "../x", "os.path.x")] == [NOT_INSTALLED] * 4
