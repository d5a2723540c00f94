"""How far a person has come in the lessons, kept from session to session."""

from contextlib import suppress
from pathlib import Path

import msgspec


def default_path() -> Path:
    import platformdirs  # noqa: PLC0415 -- the first paint doesn't wait for it

    return platformdirs.user_state_path("fashion-tui", appauthor=False) / "lessons.json"


class _Done(msgspec.Struct, frozen=True):
    """Of one lesson."""

    steps: int
    finished: bool


_File = dict[str, _Done]
"""By the lessons' ids."""


class Progress:
    """Which lessons are finished, and how far the others are. Several sessions may share the file."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._done: _File = {}
        self._unwritten: dict[str, _Done | None] = {}
        """What this session has changed and the file doesn't have yet; None: the lesson begins anew."""

    def load(self, path: Path) -> None:
        """Reads the file, and keeps in it what changes from now on. What can't be read is as if it weren't there."""
        self._path = path
        self._renew()

    def steps_done(self, lesson_id: str) -> int:
        """How many steps of the lesson, from its first on."""
        done = self._done.get(lesson_id)
        return 0 if done is None else done.steps

    def is_finished(self, lesson_id: str) -> bool:
        done = self._done.get(lesson_id)
        return done is not None and done.finished

    def finish_step(self, lesson_id: str, number: int, total: int) -> None:
        """Step `number` of `total`, counted from 1, is done. A lesson that was finished stays so."""
        self._renew()
        steps = max(number, self.steps_done(lesson_id))
        self._change(lesson_id, _Done(steps, self.is_finished(lesson_id) or steps >= total))

    def forget(self, lesson_id: str) -> None:
        """The lesson begins anew."""
        self._renew()
        self._change(lesson_id, None)

    def _change(self, lesson_id: str, done: _Done | None) -> None:
        self._unwritten[lesson_id] = done
        self._apply_unwritten()
        if self._path is not None:
            from fashion_tui.runs.files import write_atomically  # noqa: PLC0415

            with suppress(OSError):
                self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                write_atomically(self._path, msgspec.json.encode(self._done), durable=False)
                self._unwritten.clear()

    def _renew(self) -> None:
        """What other sessions have done meanwhile, with our own changes over it."""
        with suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
            if self._path is not None:
                self._done = msgspec.json.decode(self._path.read_bytes(), type=_File)
        self._apply_unwritten()

    def _apply_unwritten(self) -> None:
        for lesson_id, done in self._unwritten.items():
            if done is None:
                self._done.pop(lesson_id, None)
            else:
                self._done[lesson_id] = done
