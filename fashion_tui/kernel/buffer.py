"""Between the reader of a kernel's messages and who shows them: never more than the newest part of a flood."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

from fashion_tui.schema.plots import size_of

from .limits import MAX_CHARACTERS, MAX_LINES, MAX_PLOT_BYTES
from .outputs import Display, Done, Dropped, Output, Result, Stream

_OVERHEAD = 100
"""What an output weighs beside its characters, so that a flood of empty ones is bounded too."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    output: Output
    lines: int
    characters: int
    plot: int = 0
    """Bytes."""

    @property
    def droppable(self) -> bool:
        return isinstance(self.output, Stream | Result | Display)

    @property
    def weight(self) -> int:
        return self.characters + _OVERHEAD


class OutputBuffer:
    """Outputs in their order, for one reader. What isn't fetched in time loses its oldest lines, and says so."""

    def __init__(self) -> None:
        self._waiting: deque[_Waiting] = deque()
        self._lines = 0
        self._weight = 0
        self._figures = 0
        self._dropped_lines = 0
        self._dropped_characters = 0
        self._changed = asyncio.Event()

    def put(self, output: Output) -> None:
        if isinstance(output, Dropped):
            self._dropped_lines += output.lines
            self._dropped_characters += output.characters
            return
        waiting = _measured(output)
        self._waiting.append(waiting)
        self._lines += waiting.lines
        self._weight += waiting.weight
        self._figures += waiting.plot
        self._drop_oldest()
        self._changed.set()

    def _drop_oldest(self) -> None:
        """Drops as long as the limits are kept by what is younger: so at least the newest 5,000 lines remain."""
        position = 0
        while position < len(self._waiting):
            oldest = self._waiting[position]
            if (
                self._lines - oldest.lines < MAX_LINES
                and self._weight - oldest.weight < MAX_CHARACTERS
                and self._figures - oldest.plot < MAX_PLOT_BYTES
            ):
                return
            if not oldest.droppable:
                position += 1
                continue
            del self._waiting[position]
            self._lines -= oldest.lines
            self._weight -= oldest.weight
            self._figures -= oldest.plot
            self._dropped_lines += oldest.lines
            self._dropped_characters += oldest.characters

    async def get(self) -> Output:
        """The next output; pieces of one stream that wait together come as one."""
        while not self._waiting:
            self._changed.clear()
            await self._changed.wait()
        if self._dropped_characters or self._dropped_lines:
            dropped = Dropped(self._dropped_lines, self._dropped_characters)
            self._dropped_lines = self._dropped_characters = 0
            return dropped
        output = self._take()
        if not isinstance(output, Stream):
            return output
        pieces = [output.text]
        while self._waiting and isinstance(after := self._waiting[0].output, Stream) and after.name == output.name:
            pieces.append(after.text)
            self._take()
        return Stream(output.name, "".join(pieces))

    def _take(self) -> Output:
        taken = self._waiting.popleft()
        self._lines -= taken.lines
        self._weight -= taken.weight
        self._figures -= taken.plot
        return taken.output

    async def until_done(self) -> AsyncIterator[Output]:
        """All outputs up to `Done`, which is the last."""
        while True:
            output = await self.get()
            yield output
            if isinstance(output, Done):
                return


def _measured(output: Output) -> _Waiting:
    match output:
        case Stream(text=text):
            return _Waiting(output, text.count("\n"), len(text))
        case Result(text=text, plot=figure) | Display(text=text, plot=figure):
            return _Waiting(output, text.count("\n") + 1, len(text), 0 if figure is None else size_of(figure))
    return _Waiting(output, 0, 0)
