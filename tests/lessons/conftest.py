"""The environment of the lessons' kernels."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_ipython_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the kernels away from the IPython profile of the user who runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        yield


@pytest.fixture(scope="module", autouse=True)
def _forked_processes(forked_in_module: None) -> None:
    """Fork the kernels of all modules that aren't marked `executed`."""
