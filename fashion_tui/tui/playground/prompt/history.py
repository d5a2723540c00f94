"""The history of the prompt, which is kept between sessions."""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

MAX_ENTRIES = 1_000
"""Number of entries kept."""

MAX_BYTES = 16 << 20
"""Maximum number of bytes to read from the end of the history file."""


def default_path() -> Path:
    import platformdirs  # noqa: PLC0415 -- the first paint doesn't wait for it

    return platformdirs.user_state_path("fashion-tui", appauthor=False) / "playground-history.jsonl"


class History:
    """Earlier entries of the prompt, which the user browses with the up and down keys.

    Several sessions may share one history file. Browsing skips entries that don't begin with the typed text. The
    argument of `older` and `newer` is the current text of the prompt. If this text is an edited entry, browsing starts
    over.
    """

    def __init__(self) -> None:
        self.entries: list[str] = []
        """The entries, oldest first."""
        self._path: Path | None = None
        self._index = 0
        """Index of the entry shown in the prompt, or `len(entries)` if no entry is shown."""
        self._draft = ""
        """The text that was typed before browsing started."""

    def load(self, path: Path) -> None:
        """Read entries from the history file at `path`. Later entries are appended to this file.

        Only the last MAX_BYTES are read, and unreadable lines are skipped. If more than twice MAX_ENTRIES lines were
        read, the file is shortened to MAX_ENTRIES. Entries added before this call are also appended to the file.
        """
        from fashion_tui.files import read_tail, write_atomically  # noqa: PLC0415 -- the first paint doesn't wait for it

        self._path = path
        early, self.entries = self.entries, []
        lines: list[bytes] = []
        with suppress(OSError):
            lines = read_tail(path, MAX_BYTES).splitlines()
        for line in lines:
            with suppress(msgspec.DecodeError):
                self.entries.append(msgspec.json.decode(line, type=str))
        del self.entries[:-MAX_ENTRIES]
        if len(lines) > 2 * MAX_ENTRIES:
            with suppress(OSError):
                write_atomically(path, b"".join(_encode(entry) for entry in self.entries), durable=False)
        self._index = len(self.entries)
        for entry in early:
            self.add(entry)

    def add_examples(self, entries: Iterable[str]) -> None:
        """Add example entries, which aren't written to the file."""
        self.entries.extend(entries)
        self._index = len(self.entries)

    def add(self, entry: str) -> None:
        """Stop browsing, and add an entry unless it is blank or equal to the last entry."""
        if entry.strip() and self.entries[-1:] != [entry]:
            self.entries.append(entry)
            if self._path is not None:
                with suppress(OSError):
                    _append(self._path, entry)
        self._index = len(self.entries)

    def older(self, current: str) -> str | None:
        """Return the next older entry that begins with the typed text, or None if there is none."""
        if self._index >= len(self.entries) or current != self.entries[self._index]:
            self._index = len(self.entries)
            self._draft = current
        for index in range(self._index - 1, -1, -1):
            if self._matches(index, current):
                self._index = index
                return self.entries[index]
        return None

    def newer(self, current: str) -> str | None:
        """Return the next newer entry that begins with the typed text. After the newest entry, return the typed text.

        Return None if no entry is being browsed.
        """
        if self._index >= len(self.entries) or current != self.entries[self._index]:
            return None
        for index in range(self._index + 1, len(self.entries)):
            if self._matches(index, current):
                self._index = index
                return self.entries[index]
        self._index = len(self.entries)
        return self._draft

    def search(self, query: str) -> list[int]:
        """Return the indices of the entries that contain `query`, newest first.

        Identical entries are returned only once.
        """
        pattern = search_pattern(query)
        matches: dict[str, int] = {}
        for index in range(len(self.entries) - 1, -1, -1):
            if pattern.search(self.entries[index]):
                matches.setdefault(self.entries[index], index)
        return list(matches.values())

    def browse_from(self, index: int) -> str:
        """Return the entry at this index and continue browsing from it."""
        self._index = index
        self._draft = ""
        return self.entries[index]

    def _matches(self, index: int, current: str) -> bool:
        entry = self.entries[index]
        return entry != current and entry.startswith(self._draft)


def search_pattern(query: str) -> re.Pattern[str]:
    """Return a pattern that matches `query` literally. It is case-sensitive if `query` contains uppercase letters."""
    return re.compile(re.escape(query), 0 if query != query.lower() else re.IGNORECASE)


def _append(path: Path, entry: str) -> None:
    """Append an entry in a single write, so that sessions sharing the file don't interleave their lines."""
    from fashion_tui.files import make_private_folder  # noqa: PLC0415 -- the first paint doesn't wait for it

    make_private_folder(path.parent)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, _encode(entry))
    finally:
        os.close(descriptor)


def _encode(entry: str) -> bytes:
    return msgspec.json.encode(entry) + b"\n"
