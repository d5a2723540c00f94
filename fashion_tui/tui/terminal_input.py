"""Parse terminal input into keys, typed text, mouse events and pastes."""

import re
import time
from collections.abc import Generator, Iterator

from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, XTermParser
from textual.events import Event, Key, Paste
from textual.message import Message

PASTE_LENGTH = 256
"""Minimum number of characters that count as a paste when they arrive together.

A terminal without bracketed paste sends pasted text as if it were typed, but faster than anyone can type.
"""

PASTE_TIMEOUT = 10.0
"""Seconds without input after which a bracketed paste ends, even if its end sequence hasn't arrived."""

_ESCAPE = "\x1b"
_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f-\x9f]{2,}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Control characters, except tab and line breaks."""


class Typed(Event):
    """Two or more printable characters that arrived together."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


def keys_of(text: str) -> list[Key]:
    """Return the key events for typing the text, which must not contain escape sequences."""
    return [message for message in XTermParser().feed(text) if isinstance(message, Key)]


class InputParser:
    """Finds pastes and typed text in the input, and lets Textual's parser handle the rest.

    Textual's parser handles one character at a time, which is slow for long pastes.
    """

    def __init__(self, *, debug: bool = False) -> None:
        self._parser = XTermParser(debug)
        self._sequence = ""
        """The beginning of an escape sequence that is still incomplete."""
        self._paste: str | None = None
        """The beginning of a bracketed paste that is still incomplete, or None."""
        self._last_input = 0.0

    def feed(self, data: str) -> Iterator[Message]:
        """Parse the next input, and yield the messages for the app."""
        self._last_input = time.monotonic()
        position = 0
        while position < len(data):
            if self._paste is not None:
                position = yield from self._read_paste(self._paste, data, position)
            elif self._sequence or data[position] == _ESCAPE:
                yield from self._read_sequence(data[position])
                position += 1
            else:
                end = data.find(_ESCAPE, position)
                end = len(data) if end < 0 else end
                yield from self._read_text(data[position:end])
                position = end

    def tick(self) -> Iterator[Message]:
        """End escape sequences and pastes that remain incomplete for too long. Call this regularly."""
        yield from self._parser.tick()
        self._check_sequence()
        if self._paste is not None and time.monotonic() - self._last_input > PASTE_TIMEOUT:
            yield from self._end_paste(self._paste)

    def _read_sequence(self, character: str) -> Iterator[Message]:
        self._sequence = character if character == _ESCAPE else self._sequence + character
        yield from self._parser.feed(character)
        if self._sequence == BRACKETED_PASTE_START:
            # End the paste in Textual's parser, because `_read_paste` reads the pasted text instead.
            for _ in self._parser.feed(BRACKETED_PASTE_END):
                pass
            self._paste = ""
        self._check_sequence()

    def _check_sequence(self) -> None:
        if self._parser._timeout_time is None:  # noqa: SLF001 -- the parser isn't inside an escape sequence
            self._sequence = ""

    def _read_paste(self, paste: str, data: str, position: int) -> Generator[Message, None, int]:
        """Read data up to the end of the paste, and return the position after it."""
        search_from = max(0, len(paste) - len(BRACKETED_PASTE_END))
        self._paste = paste + data[position:]
        text, end, rest = self._paste[search_from:].partition(BRACKETED_PASTE_END)
        if end:
            yield from self._end_paste(self._paste[:search_from] + text)
        return len(data) - len(rest)

    def _end_paste(self, text: str) -> Iterator[Message]:
        self._paste = None
        if text := _clean(text):
            yield Paste(text)

    def _read_text(self, text: str) -> Iterator[Message]:
        """Read text that contains no escape character."""
        lines = text.rstrip("\r\n")
        # A line break after a single line isn't part of a paste: it is the Enter key that runs or submits the line.
        pasted = text if "\r" in lines or "\n" in lines else lines
        if len(pasted) >= PASTE_LENGTH and not _CONTROL.search(pasted):
            yield Paste(_clean(pasted))
            text = text[len(pasted) :]
        position = 0
        for match in _PRINTABLE.finditer(text):
            yield from self._read_keys(text[position : match.start()])
            yield Typed(match.group())
            position = match.end()
        yield from self._read_keys(text[position:])

    def _read_keys(self, text: str) -> Iterator[Message]:
        if text:  # the parser would treat an empty string as the end of the input
            yield from self._parser.feed(text)


def _clean(text: str) -> str:
    """Normalise line breaks and remove control characters."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
