"""What tests of every room share."""

import os
from pathlib import Path

import pytest

# Tests run side by side, each with processes of several threads: threads that wait must sleep, not spin.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# Programs start as they do for people: a module is compiled once, not at every start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


ROOMS = ("trainer", "cli", "tui", "kernel", "lessons", "bench")
"""Whose files take minutes: they begin first, or the last one keeps all others waiting."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        room = item.path.relative_to(Path(__file__).parent).parts[0]
        return ROOMS.index(room) if room in ROOMS else len(ROOMS)

    items.sort(key=rank)


@pytest.fixture(scope="session", autouse=True)
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the user's list of trusted networks lies, for tests and the processes that they start: not the user's."""
    directory = tmp_path_factory.mktemp("state")
    os.environ["XDG_STATE_HOME"] = str(directory)
    return directory


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real Fashion-MNIST; the test is skipped where there is none."""
    directory = os.environ.get("FASHION_TUI_DATA")
    if not directory or not (Path(directory) / "FashionMNIST" / "raw").is_dir():
        pytest.skip("needs the real Fashion-MNIST: set FASHION_TUI_DATA to the folder that holds FashionMNIST/raw")
    return Path(directory).resolve()
