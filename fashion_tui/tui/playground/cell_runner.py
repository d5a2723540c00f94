"""The talk with the kernel, apart from any widget: cells wait their turn, outputs become lines of the record."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from textual.message import Message

from fashion_tui.kernel.outputs import (
    Completeness,
    Completions,
    Died,
    Done,
    ExternalDone,
    ExternalInput,
    InputRequested,
    Inspection,
    NextInput,
    Output,
    State,
    StateChanged,
    Stream,
)
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UserError
from fashion_tui.tui.playground.messages import (
    CellFinished,
    CodeProposed,
    InputEnded,
    InputStarted,
    KernelStatus,
    ScrollbackChanged,
)
from fashion_tui.tui.widgets.highlight import highlighted

from .transcript.scrollback import Scrollback

if TYPE_CHECKING:
    from fashion_tui.kernel.session import KernelSession
    from fashion_tui.schema.kernel import Probe

Answer = TypeVar("Answer")

REPAINT_INTERVAL = 0.1
"""Seconds between two repaints while output comes; the first is at once. On a machine that lags behind it is longer."""

_LONGEST_INTERVAL = 1.0

_PIECE = 2_000
"""Characters of output that are turned into lines at a time; then everything else gets its turn."""


class CellRunner:
    """Belongs to the app: it goes on whatever pane is shown. What it tells goes out as messages."""

    def __init__(self, post: Callable[[Message], object]) -> None:
        self.record = Scrollback()
        self.session: KernelSession | None = None
        """None until it runs: importing its client isn't for the first paint to wait for."""
        self._count = 1
        """Number of the cell that runs, or runs next."""
        self._running = False
        self._post = post
        self._cells: deque[str] = deque()
        self._submitted = asyncio.Event()
        self._turn = asyncio.Lock()
        """Held for the cell that stands last in the record, ours or another front end's, until it has ended."""
        self._is_elsewhere = False
        """It is another front end's."""
        self._asked: InputRequested | None = None
        self._painted = self._due = 0.0
        self._interval = REPAINT_INTERVAL
        self._painting: asyncio.TimerHandle | None = None

    async def run(self, dataset: DatasetRef | None, runs_directory: Path) -> None:
        """Starts the kernel, then runs cell after cell, until it is cancelled."""
        from fashion_tui.kernel.session import KernelSession  # noqa: PLC0415

        self.session = KernelSession(dataset, runs_directory)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(self.session))
            tasks.create_task(self._start(self.session))
            tasks.create_task(self._run_cells(self.session))

    def submit(self, code: str) -> None:
        """Run this after all that was submitted before."""
        self._cells.append(code)
        self._submitted.set()
        self._tell_state()

    async def is_complete(self, code: str) -> Completeness:
        """Whether code is ready to run; `unknown` where the kernel can't say so at once."""
        return Completeness("unknown") if self.session is None else await self.session.is_complete(code)

    async def complete(self, code: str, cursor: int) -> Completions:
        """What may stand at the cursor, an index into `code`."""
        if self.session is None:
            return Completions((), cursor, cursor)
        return await self.session.complete(code, cursor)

    async def inspect(self, code: str, cursor: int) -> Inspection:
        """What there is to tell of the name or the call at the cursor, an index into `code`."""
        return Inspection("unknown") if self.session is None else await self.session.inspect(code, cursor)

    async def probe(self, question: "Probe", answer_type: type[Answer]) -> Answer | None:
        """What the kernel knows of the person's tensors; None where it can't be asked. UserError: it says why not."""
        return None if self.session is None else await self.session.probe(question, answer_type)

    async def interrupt(self) -> None:
        """Stops what runs, and forgets what waits."""
        self._drop_waiting()
        self._tell_state()
        if self.session is not None:
            await self.session.interrupt()

    def _drop_waiting(self) -> None:
        """Cells that wait will never run."""
        while self._cells:
            self._post(CellFinished(self._cells.popleft(), is_good=False))

    async def restart(self) -> None:
        self._drop_waiting()
        if self.session is None:
            return
        with self._failures_told():
            await self.session.restart()
            self.record.add_note("a fresh kernel: what was defined before is gone")
            self.record.add_gap()
            self._changed()

    async def answer(self, text: str | None) -> None:
        """To what `input()` asked."""
        asked, self._asked = self._asked, None
        if asked is not None and self.session is not None:
            self.record.add_answer(asked.prompt, "" if asked.password or text is None else text)
            self._changed()
            await self.session.send_input(text)

    def change_dataset(self, dataset: DatasetRef) -> None:
        """There is other data now: a running kernel keeps what it has."""
        if self.session is None or self.session.dataset == dataset:
            return
        self.session.dataset = dataset
        self.record.add_note(f"{dataset.name} is there now; restart the kernel to find it in train_data and test_data")
        self._changed()

    async def close(self) -> None:
        if self.session is not None:
            await self.session.close()

    async def _start(self, session: "KernelSession") -> None:
        with self._failures_told():
            await session.start()

    async def _run_cells(self, session: "KernelSession") -> None:
        while True:
            await self._submitted.wait()
            async with self._turn:
                if self._cells:
                    await self._run_cell(session, self._cells.popleft())
                else:
                    self._submitted.clear()

    async def _run_cell(self, session: "KernelSession", code: str) -> None:
        self.record.add_input(self._count, code, highlighted(code))
        self._changed()
        self._running = True
        self._tell_state()
        is_good = False
        with self._failures_told():
            async for output in session.execute(code):
                await self._take(output)
                is_good = isinstance(output, Done) and output.status == "ok"
        self._running = False
        self._input_over()
        self.record.add_gap()
        self._changed()
        self._tell_state()
        self._post(CellFinished(code, is_good=is_good))

    async def _listen(self, session: "KernelSession") -> None:
        """To what belongs to no cell."""
        async for output in session.events():
            await self._take(output)

    async def _take(self, output: Output) -> None:
        match output:
            case StateChanged(state=state):
                self._state_changed(state)
            case Done(execution_count=count):
                self._done(count)
            case ExternalInput():
                await self._begin_elsewhere(output)
            case ExternalDone():
                self._end_elsewhere()
            case InputRequested():
                self._asked = output
                self._post(InputStarted(output.prompt, output.password))
            case NextInput(text=text):
                self._post(CodeProposed(text))
            case Stream(name=name, text=text):
                for start in range(0, len(text), _PIECE):
                    self.record.add(Stream(name, text[start : start + _PIECE]))
                    self._changed()
                    await asyncio.sleep(0)
            case _:
                self.record.add(output)
                self._changed()
                if isinstance(output, Died):
                    self._drop_waiting()
                    self._input_over()

    def _state_changed(self, state: State) -> None:
        if state == "starting":
            self._count = 1
        if state in {"starting", "dead"}:
            self._end_elsewhere()
        self._tell_state()

    def _done(self, count: int | None) -> None:
        if count is not None:
            self._count = count + 1
            self.record.number_cell(count)

    async def _begin_elsewhere(self, begun: ExternalInput) -> None:
        if not self._is_elsewhere:
            await self._turn.acquire()
            self._is_elsewhere = True
        self.record.add_note("from another front end:")
        self.record.add_input(begun.execution_count, begun.code, highlighted(begun.code))
        self._count = max(self._count, begun.execution_count + 1)
        self._changed()
        self._tell_state()

    def _end_elsewhere(self) -> None:
        if self._is_elsewhere:
            self._is_elsewhere = False
            self._turn.release()
            self.record.add_gap()
            self._changed()

    def _input_over(self) -> None:
        if self._asked is not None:
            self._asked = None
            self._post(InputEnded())

    def _tell_state(self) -> None:
        count = self._count + self._running + len(self._cells)
        state = self.session.state if self.session is not None else "starting"
        self._post(KernelStatus(state, count, len(self._cells)))

    def _changed(self) -> None:
        """At most so many repaints a second, the last never left out."""
        if self._painting is None:
            self._due = max(time.monotonic(), self._painted + self._interval)
            self._painting = asyncio.get_running_loop().call_later(self._due - time.monotonic(), self._tell_change)

    def _tell_change(self) -> None:
        self._painting = None
        self._painted = time.monotonic()
        lag = self._painted - self._due
        self._interval = min(max(REPAINT_INTERVAL, 4 * lag), _LONGEST_INTERVAL)
        self._post(ScrollbackChanged())

    @contextmanager
    def _failures_told(self) -> Iterator[None]:
        try:
            yield
        except UserError as error:
            self.record.add_note(str(error), "alarm")
            self._changed()
