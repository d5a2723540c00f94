"""What the app leaves behind in its process when it exits."""

import signal
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.worker import Worker

from fashion_tui.tui.app import FashionApp
from fashion_tui.tui.lab_app import Settings
from fashion_tui.tui.signals import exit_on_signals

NUMBERS = (signal.SIGHUP, signal.SIGTERM)


async def test_signals_are_handled_only_while_the_app_runs(tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in NUMBERS]
    app = FashionApp(Settings(tmp_path / "runs", dataset="synthetic"))
    with exit_on_signals(app):
        async with app.run_test():
            handlers = [signal.getsignal(number) for number in NUMBERS]
            assert all(handler not in {signal.SIG_DFL, *before} for handler in handlers)
    assert [signal.getsignal(number) for number in NUMBERS] == before


class AppWithLateWork(FashionApp):
    """An app whose background work begins after Textual has cancelled all workers, as if it had exited at once."""

    started: tuple[Worker[Any], ...] = ()

    async def _close_all(self) -> None:
        await super()._close_all()
        self._start_background()
        self.started = tuple(self.workers)


async def test_work_that_begins_while_the_app_exits_is_cancelled(tmp_path: Path) -> None:
    async def quit_app(pilot: Pilot[object]) -> None:
        pilot.app.exit()

    app = AppWithLateWork(Settings(tmp_path / "runs", dataset="synthetic"))
    await app.run_async(headless=True, auto_pilot=quit_app)
    assert {"dataset", "runs"} <= {worker.group for worker in app.started}
    are_cancelled = [worker.is_cancelled for worker in app.started]
    for worker in app.started:
        worker.cancel()  # so that a failure doesn't keep the process of the tests alive
    assert all(are_cancelled)
