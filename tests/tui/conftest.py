"""Fixtures for tests of the app."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.tui.playground.cell_runner import CellRunner
from tests.tui.apps import AppLauncher
from tests.tui.shared_engines import Engines, close_engines, open_engines


@pytest.fixture(scope="module", autouse=True)
def _forked_processes(forked_in_module: None) -> None:
    """Fork apps on terminals, and the engines, kernels and trainers of all apps."""


@pytest.fixture(autouse=True)
def _no_drafts(state_home: Path) -> None:
    """Removes the drafts of apps that ran in this process, so that the next app doesn't offer to restore them."""
    shutil.rmtree(state_home / "fashion-tui" / "drafts", ignore_errors=True)


@pytest.fixture
def app_terminal(tmp_path: Path) -> Iterator[AppLauncher]:
    """Starts apps on terminals in an isolated environment, and kills all their processes at the end."""
    launcher = AppLauncher(tmp_path / "app")
    yield launcher
    launcher.end()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of 24 steps on synthetic data."""
    return AppLauncher(tmp_path_factory.mktemp("finished") / "app").finished_run("--dataset", "synthetic")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engines() -> AsyncIterator[Engines]:
    """The engines that all apps of a test file share. Its tests must run in one event loop."""
    yield open_engines()
    await close_engines()


@pytest.fixture
def no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start no kernels, for tests that don't use the Playground."""

    async def run(_runner: CellRunner, _dataset: DatasetRef | None, _runs_directory: Path) -> None:
        pass

    monkeypatch.setattr(CellRunner, "run", run)
