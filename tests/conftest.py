"""Fixtures and settings for all tests."""

import gc
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from fashion_tui.tui.tour import progress
from tests.forking.client import ForkServer, forked_starts
from tests.summary import pytest_terminal_summary  # noqa: F401 -- pytest calls it

# Property-based tests draw the same examples in every run, and a slow machine doesn't fail them.
settings.register_profile("repeatable", derandomize=True, database=None, deadline=None, max_examples=100)
settings.load_profile("repeatable")

# Tests run in parallel and start multi-threaded processes, so idle threads must sleep instead of spinning.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# Let the processes that tests start write .pyc files, as they do for users, and this process those of the tests.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


# Tests must not depend on the settings of the user who runs them.
os.environ["XDG_CONFIG_HOME"] = str(Path(tempfile.gettempdir()) / "fashion-tui-tests-without-settings")

SLOW_FOLDERS = ("tui", "cli", "trainer", "lessons", "bench", "kernel", "engine", "lab")
"""Folders with slow tests. They run first, in this order, so that all workers finish at about the same time."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> int:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        return SLOW_FOLDERS.index(folder) if folder in SLOW_FOLDERS else len(SLOW_FOLDERS)

    items.sort(key=rank)


def pytest_collection_finish() -> None:
    """Exclude everything loaded so far from garbage collection, and collect after 10,000 new objects instead of 700.

    Otherwise, collection takes a third of the CPU time of apps that run in this process.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)


@pytest.fixture(scope="session", autouse=True)
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A temporary state directory, so that tests and their processes don't use the user's list of trusted networks.

    It records that the tour has been offered before.
    """
    directory = tmp_path_factory.mktemp("state")
    os.environ["XDG_STATE_HOME"] = str(directory)
    progress.save(progress.default_path(), "")
    return directory


@pytest.fixture(scope="session", autouse=True)
def _cache_home(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A temporary cache directory, so that tests don't find results that earlier tests have stored."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real Fashion-MNIST. Tests that use this fixture are skipped if the data is missing."""
    directory = os.environ.get("FASHION_TUI_DATA")
    if not directory or not (Path(directory) / "FashionMNIST" / "raw").is_dir():
        pytest.skip("needs the real Fashion-MNIST: set FASHION_TUI_DATA to the folder that contains FashionMNIST/raw")
    return Path(directory).resolve()


@pytest.fixture(scope="session")
def digits_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of real images: the 1,797 handwritten digits of scikit-learn, 8×8 pixels, as `<digit>/<index>.png`.

    Don't change the folder, because all tests share it.
    """
    from sklearn.datasets import load_digits  # noqa: PLC0415 - takes a second, and few tests need it

    folder = tmp_path_factory.mktemp("digits")
    digits = load_digits()
    for index, (image, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        (folder / str(label)).mkdir(exist_ok=True)
        pixels = np.rint(image * 255 / 16).astype(np.uint8)
        Image.fromarray(pixels).save(folder / str(label) / f"{index}.png")
    return folder


@pytest.fixture(scope="session", autouse=True)
def fork_server() -> Iterator[ForkServer]:
    """The server that forks processes for all tests that use `forked_processes`. The first of them starts it."""
    server = ForkServer()
    yield server
    server.close()


@pytest.fixture
def forked_processes(fork_server: ForkServer, request: pytest.FixtureRequest) -> Iterator[None]:
    """Fork the processes of fashion-tui instead of executing Python, which takes seconds; see `tests.forking`.

    Tests marked `executed` aren't affected.
    """
    with forked_starts(fork_server, request.node):
        yield


@pytest.fixture(scope="module")
def forked_in_module(fork_server: ForkServer, request: pytest.FixtureRequest) -> Iterator[None]:
    """Like `forked_processes`, for all tests and fixtures of a module unless the module is marked `executed`."""
    with forked_starts(fork_server, request.node):
        yield


@pytest.fixture(autouse=True)
def _keep_denormals() -> Iterator[None]:
    """Turn off flushing of denormal numbers after each test, in case a trainer in its process turned it on."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)
