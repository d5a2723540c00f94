"""Run cells in the kernel, one after another, and record their output. This module doesn't depend on any widget."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
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
    Late,
    NextInput,
    Output,
    State,
    StateChanged,
    Stream,
)
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UserError
from fashion_tui.tui.widgets.highlight import highlight_ansi

from .messages import CellFinished, CodeProposed, InputEnded, InputStarted, KernelStatus, ScrollbackChanged
from .transcript.cells import MAX_CELLS, Cell, CellOutput
from .transcript.scrollback import Scrollback

if TYPE_CHECKING:  # these imports would delay the first paint
    from fashion_tui.kernel.session import KernelSession
    from fashion_tui.schema.kernel import Probe

Reply = TypeVar("Reply")

CHUNK_CHARACTERS = 2_000
"""Number of characters of printed output to process before other tasks get a turn."""

MIN_REPAINT_INTERVAL = 0.1
MAX_REPAINT_INTERVAL = 1.0
"""Minimum and maximum intervals between repaints while output arrives, in seconds."""


class CellRunner:
    """The connection between the Playground and the kernel.

    It queues cells, records their output in a scrollback, and sends queries about code and tensors. It keeps running
    while another pane is shown. It calls `post` to post messages.
    """

    def __init__(self, post: Callable[[Message], object]) -> None:
        self.scrollback = Scrollback()
        self.session: KernelSession | None = None
        """The connection to the kernel, or None until `run` is called."""
        self._columns: int | None = None
        """Width of the transcript in columns, or None until it is known."""
        self._post = post
        self._queue: deque[str] = deque()
        self._submitted = asyncio.Event()
        self._cell_ids = count()
        self._cell_number = 1
        """Number of the running cell, as in `In [3]`, or of the next cell if no cell is running."""
        self._running = False
        self._posted_state: State = "starting"
        """The state of which the UI was last notified. It changes in the order of the kernel's events."""
        self._running_external = False
        """Whether a cell submitted by another front end, such as `jupyter console`, is running."""
        self._cells: dict[str, Cell] = {}
        """The cells that can still receive output, keyed by cell id."""
        self._output_lock = asyncio.Lock()
        """Lock that is held while a cell from any front end runs, so that the outputs of two cells don't mix."""
        self._input_request: InputRequested | None = None
        self._repaint = _Throttle(lambda: post(ScrollbackChanged()))

    async def run(self, dataset: DatasetRef | None, runs_directory: Path) -> None:
        """Start the kernel and run submitted cells until cancelled."""
        from fashion_tui.kernel.session import KernelSession  # noqa: PLC0415 -- the first paint doesn't wait for it

        self.session = KernelSession(dataset, runs_directory)
        if self._columns is not None:
            self.session.set_width(self._columns)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._receive_events(self.session))
            tasks.create_task(self._start(self.session))
            tasks.create_task(self._run_cells(self.session))

    @property
    def state(self) -> State:
        """State of the kernel."""
        return "starting" if self.session is None else self.session.state

    @property
    def is_idle(self) -> bool:
        """True if no submitted cell is running or queued."""
        return not self._queue and not self._running

    def submit(self, code: str) -> None:
        """Run `code` after all previously submitted cells."""
        self._queue.append(code)
        self._submitted.set()
        self._post_status()

    async def interrupt(self) -> None:
        """Interrupt the running cell and drop the queued cells."""
        self._drop_queue()
        self._post_status()
        if self.session is not None:
            await self.session.interrupt()

    async def restart(self) -> None:
        """Restart the kernel and drop the queued cells."""
        self._drop_queue()
        if self.session is None:
            return
        with self._record_failure():
            await self.session.restart()
            self.scrollback.add_note("Kernel restarted. All variables are gone.")
            self.scrollback.add_gap()
            self._repaint()

    async def answer_input(self, text: str | None) -> None:
        """Send `text` to the code that called `input()`. If `text` is None, `input()` raises EOFError."""
        request, self._input_request = self._input_request, None
        if request is not None and self.session is not None:
            self.scrollback.add_answer(request.prompt, "" if request.password or text is None else text)
            self._repaint()
            await self.session.send_input(text)

    def change_dataset(self, dataset: DatasetRef) -> None:
        """Use `dataset` the next time the kernel starts. A running kernel keeps its data set."""
        if self.session is None or self.session.dataset == dataset:
            return
        self.session.dataset = dataset
        self.scrollback.add_note(f"The data set is now {dataset.name}: restart the kernel to use it here.")
        self._repaint()

    def set_width(self, columns: int) -> None:
        """Set the width, in columns, for which the kernel formats its output."""
        self._columns = columns
        if self.session is not None:
            self.session.set_width(columns)

    async def close(self) -> None:
        """End the kernel."""
        if self.session is not None:
            await self.session.close()

    # Queries

    async def is_complete(self, code: str) -> Completeness:
        """Return whether `code` is complete. The status is `unknown` if the kernel doesn't reply in time."""
        return Completeness("unknown") if self.session is None else await self.session.is_complete(code)

    async def complete(self, code: str, cursor: int) -> Completions:
        """Return the completions at `cursor`, an index into `code`."""
        if self.session is None:
            return Completions((), cursor, cursor)
        return await self.session.complete(code, cursor)

    async def inspect(self, code: str, cursor: int) -> Inspection:
        """Return the documentation of the name or call at `cursor`, an index into `code`."""
        return Inspection("unknown") if self.session is None else await self.session.inspect(code, cursor)

    async def probe(self, probe: "Probe", reply_type: type[Reply], max_wait: float = 5.0) -> Reply | None:
        """Query the tensors in the kernel. Return None if the kernel can't reply now.

        Raises UserError if the kernel rejects the query, for example because the tensor no longer exists.
        """
        return None if self.session is None else await self.session.probe(probe, reply_type, max_wait)

    # Running

    async def _start(self, session: "KernelSession") -> None:
        with self._record_failure():
            await session.start()

    async def _run_cells(self, session: "KernelSession") -> None:
        while True:
            await self._submitted.wait()
            async with self._output_lock:
                if self._queue:
                    await self._run_cell(session, self._queue.popleft())
                else:
                    self._submitted.clear()

    async def _run_cell(self, session: "KernelSession", code: str) -> None:
        cell_id = f"submitted-{next(self._cell_ids)}"
        self._remember(cell_id, self.scrollback.add_cell(self._cell_number, code, highlight_ansi(code)))
        self._repaint()
        self._running = True
        self._post_status()
        succeeded = False
        with self._record_failure():
            async for output in session.execute(code, cell_id):
                await self._handle(output)
                succeeded = isinstance(output, Done) and output.status == "ok"
        self._running = False
        self._end_input()
        self.scrollback.add_gap()
        self._repaint()
        self._post_status()
        self._post(CellFinished(code, succeeded=succeeded))

    def _remember(self, cell_id: str, cell: Cell) -> None:
        self._cells[cell_id] = cell
        if len(self._cells) > MAX_CELLS:
            del self._cells[next(iter(self._cells))]

    def _drop_queue(self) -> None:
        while self._queue:
            self._post(CellFinished(self._queue.popleft(), succeeded=False))

    @contextmanager
    def _record_failure(self) -> Iterator[None]:
        try:
            yield
        except UserError as error:
            self.scrollback.add_note(str(error), "error")
            self._repaint()

    # Outputs

    async def _receive_events(self, session: "KernelSession") -> None:
        """Handle outputs that don't belong to any submitted cell."""
        async for output in session.events():
            if isinstance(output, Late):
                await self._add_late(output)
            else:
                await self._handle(output)

    async def _add_late(self, late: Late) -> None:
        """Add an output that arrived after its cell had finished."""
        cell = self._cells.get(late.cell)
        for output in _chunks(late.output):
            if cell is None:
                self.scrollback.add(output)
            else:
                self.scrollback.add_late(cell, output)
            self._repaint()
            await asyncio.sleep(0)

    async def _handle(self, output: Output) -> None:
        match output:
            case StateChanged(state=state):
                self._change_state(state)
            case Done(execution_count=number):
                self._number_cell(number)
            case ExternalInput():
                await self._begin_external(output)
            case ExternalDone():
                self._end_external()
            case InputRequested():
                self._input_request = output
                self._post(InputStarted(output.prompt, output.password))
            case NextInput(text=text):
                self._post(CodeProposed(text))
            case Stream():
                for chunk in _chunks(output):
                    self.scrollback.add(chunk)
                    self._repaint()
                    await asyncio.sleep(0)
            case _:
                self.scrollback.add(output)
                self._repaint()
                if isinstance(output, Died):
                    self._drop_queue()
                    self._end_input()

    def _change_state(self, state: State) -> None:
        self._posted_state = state
        if state == "starting":
            self._cell_number = 1
        if state in {"starting", "dead"}:
            self._end_external()
        self._post_status()

    def _number_cell(self, number: int | None) -> None:
        """Set the number of the newest cell. `number` is None if the kernel never ran the cell."""
        if number is not None:
            self._cell_number = number + 1
            self.scrollback.renumber_cell(number)

    async def _begin_external(self, cell: ExternalInput) -> None:
        if not self._running_external:
            await self._output_lock.acquire()
            self._running_external = True
        self.scrollback.add_note("From another front end:")
        self._remember(cell.cell, self.scrollback.add_cell(cell.execution_count, cell.code, highlight_ansi(cell.code)))
        self._cell_number = max(self._cell_number, cell.execution_count + 1)
        self._repaint()
        self._post_status()

    def _end_external(self) -> None:
        if self._running_external:
            self._running_external = False
            self._output_lock.release()
            self.scrollback.add_gap()
            self._repaint()

    def _end_input(self) -> None:
        if self._input_request is not None:
            self._input_request = None
            self._post(InputEnded())

    def _post_status(self) -> None:
        number = self._cell_number + self._running + len(self._queue)
        self._post(KernelStatus(self._posted_state, number, len(self._queue)))


def _chunks(output: CellOutput) -> Iterator[CellOutput]:
    """Split printed text into chunks that can be processed without a noticeable pause."""
    if not isinstance(output, Stream):
        yield output
        return
    for start in range(0, len(output.text), CHUNK_CHARACTERS):
        yield Stream(output.name, output.text[start : start + CHUNK_CHARACTERS])


class _Throttle:
    """A wrapper that calls a function at most once per interval.

    Calls that come too early are combined into one delayed call. The interval grows while the event loop lags.
    """

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function
        self._called_at = 0.0
        self._due_at = 0.0
        self._interval = MIN_REPAINT_INTERVAL
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self) -> None:
        if self._timer is None:
            now = time.monotonic()
            self._due_at = max(now, self._called_at + self._interval)
            self._timer = asyncio.get_running_loop().call_later(self._due_at - now, self._call)

    def _call(self) -> None:
        self._timer = None
        self._called_at = time.monotonic()
        lag = self._called_at - self._due_at
        self._interval = min(max(MIN_REPAINT_INTERVAL, 4 * lag), MAX_REPAINT_INTERVAL)
        self._function()
