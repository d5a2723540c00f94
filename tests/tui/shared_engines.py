"""Engines that all apps of a test file share, so that torch is imported only once."""

from dataclasses import dataclass

from fashion_tui.engine.client import Engine
from fashion_tui.runs.spare import SpareTrainer
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.tui.app import ENGINE_MAX_SILENCE, FashionApp
from fashion_tui.tui.lab_app import Settings
from fashion_tui.tui.sandbox_engine import SandboxEngine


class SharedSandbox(SandboxEngine):
    """A sandbox that stays open when an app exits."""

    async def close(self) -> None:
        """Do nothing. `end` closes the engine."""

    async def end(self) -> None:
        await super().close()


class SharedEngine(Engine):
    """An engine that stays open when an app exits."""

    async def close(self) -> None:
        """Do nothing. `end` closes the engine."""

    async def end(self) -> None:
        await super().close()


@dataclass
class Engines:
    sandbox: SharedSandbox
    engine: SharedEngine


SHARED: list[Engines] = []
"""The engines of the running test file, or empty if its apps start their own."""


def open_engines() -> Engines:
    """Make all apps that `create_app` creates share new engines, until `close_engines` is called."""
    SHARED.append(Engines(SharedSandbox(), SharedEngine(ENGINE_MAX_SILENCE)))
    return SHARED[0]


async def close_engines() -> None:
    engines = SHARED.pop()
    await engines.sandbox.end()
    await engines.engine.end()


class NoSpareTrainer(SpareTrainer):
    """Starts no trainer in advance. The app then starts a trainer for each run."""

    def prepare(self, dataset: DatasetRef) -> None:
        """Do nothing."""


def create_app(settings: Settings, *, spare_trainer: bool = False) -> FashionApp:
    """Create an app with the shared engines, if there are any. With `spare_trainer`, it starts a trainer in advance."""
    app = FashionApp(settings)
    if SHARED:
        app.sandbox, app.engine = SHARED[0].sandbox, SHARED[0].engine
    if not spare_trainer:
        app.spare_trainer = NoSpareTrainer()
    return app
