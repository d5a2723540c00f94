"""Kernels for the lessons."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_ipython_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The kernels of the tests see no profile of the person who runs them, and leave none behind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        yield
