"""What was typed before, kept from session to session."""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

MAX_ENTRIES = 1_000
"""Entries that are kept."""


def default_path() -> Path:
    import platformdirs  # noqa: PLC0415 - the first paint doesn't wait for it

    return platformdirs.user_state_path("fashion-tui", appauthor=False) / "playground-history.jsonl"


class History:
    """A walk through earlier entries that begin with what is being typed. Several sessions may share the file.

    `current`, here, is what stands in the prompt: where it isn't what the walk brought there, a new walk begins.
    """

    def __init__(self) -> None:
        self._path: Path | None = None
        self.entries: list[str] = []
        """The oldest first."""
        self._position = 0
        self._draft = ""

    def load(self, path: Path) -> None:
        """Reads the file, and shortens it where it has grown long. What can't be read is as if it weren't there.

        From now on what is added is kept in it.
        """
        self._path = path
        lines: list[bytes] = []
        with suppress(OSError):
            lines = path.read_bytes().splitlines()
        for line in lines:
            with suppress(msgspec.DecodeError):
                self.entries.append(msgspec.json.decode(line, type=str))
        del self.entries[:-MAX_ENTRIES]
        if len(lines) > 2 * MAX_ENTRIES:
            from fashion_tui.runs.files import write_atomically  # noqa: PLC0415

            with suppress(OSError):
                write_atomically(path, b"".join(_encoded(entry) for entry in self.entries), durable=False)
        self._position = len(self.entries)

    def offer(self, entries: Iterable[str]) -> None:
        """Entries to begin with, which aren't kept."""
        self.entries.extend(entries)
        self._position = len(self.entries)

    def add(self, entry: str) -> None:
        """Remembers an entry, unless it repeats the last one; the walk begins anew."""
        if entry.strip() and self.entries[-1:] != [entry]:
            self.entries.append(entry)
            if self._path is not None:
                with suppress(OSError):
                    _append(self._path, entry)
        self._position = len(self.entries)

    def before(self, current: str) -> str | None:
        """The next older entry that begins as what was typed; None where there is none."""
        if self._position >= len(self.entries) or current != self.entries[self._position]:
            self._position = len(self.entries)
            self._draft = current
        for position in range(self._position - 1, -1, -1):
            if self._fits(position, current):
                self._position = position
                return self.entries[position]
        return None

    def after(self, current: str) -> str | None:
        """The next newer entry, at last what was being typed; None where one is there already."""
        if self._position >= len(self.entries) or current != self.entries[self._position]:
            return None
        for position in range(self._position + 1, len(self.entries)):
            if self._fits(position, current):
                self._position = position
                return self.entries[position]
        self._position = len(self.entries)
        return self._draft

    def search(self, words: str) -> list[int]:
        """Positions of the entries that hold these words, the newest first; of equal entries the newest only."""
        pattern = search_pattern(words)
        found: dict[str, int] = {}
        for position in range(len(self.entries) - 1, -1, -1):
            if pattern.search(self.entries[position]):
                found.setdefault(self.entries[position], position)
        return list(found.values())

    def go_to(self, position: int) -> str:
        """The entry there; the walk goes on from it."""
        self._position = position
        self._draft = ""
        return self.entries[position]

    def _fits(self, position: int, current: str) -> bool:
        entry = self.entries[position]
        return entry != current and entry.startswith(self._draft)


def search_pattern(words: str) -> re.Pattern[str]:
    """Finds these very words; upper and lower case count only where upper case is among them."""
    return re.compile(re.escape(words), 0 if words != words.lower() else re.IGNORECASE)


def _append(path: Path, entry: str) -> None:
    """In one write to the end of the file: sessions that share it never tear each other's lines."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, _encoded(entry))
    finally:
        os.close(descriptor)


def _encoded(entry: str) -> bytes:
    return msgspec.json.encode(entry) + b"\n"
