"""A buffer for a kernel's outputs. If outputs arrive faster than they are read, only the newest outputs are kept."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from fashion_tui.schema.plots import size_of

from .limits import MAX_CHARACTERS, MAX_LINES, MAX_PLOT_BYTES
from .outputs import Display, Done, Dropped, Error, Late, Output, Result, Stream

_OVERHEAD = 100
"""Number of characters added to the size of each output, so that empty outputs also count towards the limit."""


@dataclass(frozen=True, slots=True)
class _Entry:
    output: Output
    lines: int
    characters: int
    plot_bytes: int = 0
    cell: str = ""
    """Id of the output's cell if the output arrived after the end of the cell, else an empty string."""

    @property
    def stream(self) -> tuple[str, str] | None:
        """The id of the cell and the name of the stream, or None if the output isn't printed text."""
        return (self.cell, self.output.name) if isinstance(self.output, Stream) else None

    def with_output(self, output: Output) -> Output:
        """Return `output`, wrapped in `Late` if this entry arrived after the end of its cell."""
        return (
            Late(self.cell, output) if isinstance(output, Stream | Result | Display | Error) and self.cell else output
        )

    @property
    def droppable(self) -> bool:
        return isinstance(self.output, Stream | Result | Display)

    @property
    def size(self) -> int:
        return self.characters + _OVERHEAD


class OutputBuffer:
    """A queue of outputs for one reader. If the reader is slow, the oldest text and plots are dropped."""

    def __init__(self) -> None:
        self._entries: deque[_Entry] = deque()
        self._lines = 0
        self._size = 0
        self._plot_bytes = 0
        self._dropped_lines = 0
        self._dropped_characters = 0
        self._added = asyncio.Event()

    def put(self, output: Output) -> None:
        if isinstance(output, Dropped):
            self._dropped_lines += output.lines
            self._dropped_characters += output.characters
            return
        entry = _entry(output)
        self._entries.append(entry)
        self._count(entry, +1)
        self._drop_oldest()
        self._added.set()

    def _count(self, entry: _Entry, sign: int) -> None:
        self._lines += sign * entry.lines
        self._size += sign * entry.size
        self._plot_bytes += sign * entry.plot_bytes

    def _drop_oldest(self) -> None:
        """Drop text and plots, oldest first, while the remaining entries still reach at least one limit."""
        index = 0
        while index < len(self._entries):
            oldest = self._entries[index]
            if (
                self._lines - oldest.lines < MAX_LINES
                and self._size - oldest.size < MAX_CHARACTERS
                and self._plot_bytes - oldest.plot_bytes < MAX_PLOT_BYTES
            ):
                return
            if not oldest.droppable:
                index += 1
                continue
            del self._entries[index]
            self._count(oldest, -1)
            self._dropped_lines += oldest.lines
            self._dropped_characters += oldest.characters

    async def get(self) -> Output:
        """Return the next output. Consecutive chunks from the same cell and stream are joined."""
        while not self._entries:
            self._added.clear()
            await self._added.wait()
        if self._dropped_characters or self._dropped_lines:
            dropped = Dropped(self._dropped_lines, self._dropped_characters)
            self._dropped_lines = self._dropped_characters = 0
            return dropped
        entry = self._pop()
        output, chunks = entry.output, list[str]()
        while isinstance(output, Stream):
            chunks.append(output.text)
            if not self._entries or self._entries[0].stream != entry.stream:
                return entry.with_output(Stream(output.name, "".join(chunks)))
            output = self._pop().output
        return entry.with_output(output)

    def _pop(self) -> _Entry:
        entry = self._entries.popleft()
        self._count(entry, -1)
        return entry

    async def until_done(self) -> AsyncIterator[Output]:
        """Yield all outputs up to and including `Done`."""
        while True:
            output = await self.get()
            yield output
            if isinstance(output, Done):
                return


def _entry(output: Output) -> _Entry:
    match output:
        case Late(cell=cell, output=late):
            return replace(_entry(late), cell=cell)
        case Stream(text=text):
            return _Entry(output, text.count("\n"), len(text))
        case Result(text=text, plot=plot) | Display(text=text, plot=plot):
            return _Entry(output, text.count("\n") + 1, len(text), 0 if plot is None else size_of(plot))
    return _Entry(output, 0, 0)
