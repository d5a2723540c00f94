"""A real kernel for the tests of this package."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from fashion_tui.kernel.session import KernelSession


@pytest.fixture(scope="session", autouse=True)
def own_ipython_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the kernels away from the IPython profile of the user who runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        yield


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def session() -> AsyncIterator[KernelSession]:
    """One kernel, without data, for all tests of a module."""
    session = KernelSession(None)
    await session.start()
    yield session
    await session.close()


@pytest.fixture(scope="module", autouse=True)
def _forked_processes(forked_in_module: None) -> None:
    """Fork the kernels of all modules that aren't marked `executed`."""
