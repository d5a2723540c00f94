"""One real engine process per test file, and custom models for it."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from fashion_tui.engine.client import Engine

NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, width: int = 3) -> None:
        super().__init__()
        {init}
        self.conv = nn.Conv2d(1, width, 3)
        self.fc = nn.Linear(width, 10)

    def forward(self, x):
        {forward}
        return self.fc(self.conv(x).mean(dim=(2, 3)))
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[Engine]:
    engine = Engine()
    yield engine
    await engine.close()


@pytest.fixture
def write_net(tmp_path: Path) -> Callable[..., str]:
    """A function that writes a model with the given lines in its methods and returns its `GetShapes.model`."""

    def write(init: str = "pass", forward: str = "pass") -> str:
        path = tmp_path / "net.py"
        path.write_text(NET.format(init=init, forward=forward))
        return f"{path}:Net"

    return write


@pytest.fixture(autouse=True)
def _forked_processes(forked_processes: None) -> None:
    """Fork the engines of all tests that aren't marked `executed`."""
