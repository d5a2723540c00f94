"""The user's progress in the lessons, stored in a file."""

from contextlib import suppress
from pathlib import Path

import msgspec

MAX_BYTES = 1 << 20
"""Maximum size of the file, in bytes."""


def default_path() -> Path:
    import platformdirs  # noqa: PLC0415 -- not needed before the first paint

    return platformdirs.user_state_path("fashion-tui", appauthor=False) / "lessons.json"


class _LessonProgress(msgspec.Struct, frozen=True):
    steps: int
    """Number of completed steps. All steps before a completed step count as completed."""
    finished: bool


_File = dict[str, _LessonProgress]
"""Content of the file: the progress of each lesson, by lesson id."""


class Progress:
    """Records which steps and lessons are completed. Several sessions can share the file."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._lessons: _File = {}
        self._unwritten: _File = {}
        """Changes made in this session that haven't been written to the file yet."""

    def load(self, path: Path) -> None:
        """Read the progress from a file. An unreadable file counts as empty. Later changes are written to this file."""
        self._path = path
        self._read()

    def steps_done(self, lesson_id: str) -> int:
        """Return the number of completed steps."""
        lesson = self._lessons.get(lesson_id)
        return 0 if lesson is None else lesson.steps

    def is_finished(self, lesson_id: str) -> bool:
        lesson = self._lessons.get(lesson_id)
        return lesson is not None and lesson.finished

    def finish_step(self, lesson_id: str, number: int, total: int) -> None:
        """Record that a step has been completed. `number` is 1-based. A finished lesson remains finished."""
        self._read()
        steps = max(number, self.steps_done(lesson_id))
        finished = self.is_finished(lesson_id) or steps >= total
        self._unwritten[lesson_id] = self._lessons[lesson_id] = _LessonProgress(steps, finished)
        self._write()

    def _read(self) -> None:
        """Read the file again, because another session may have changed it. Then apply this session's changes."""
        from fashion_tui.files import read_limited  # noqa: PLC0415 -- not needed before the first paint

        with suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
            if self._path is not None:
                self._lessons = msgspec.json.decode(read_limited(self._path, MAX_BYTES), type=_File)
        self._lessons.update(self._unwritten)

    def _write(self) -> None:
        """Write the file. If writing fails, the changes are kept and written with the next change."""
        if self._path is not None:
            from fashion_tui.files import make_private_folder, write_atomically  # noqa: PLC0415 -- not needed before the first paint

            with suppress(OSError):
                make_private_folder(self._path.parent)
                write_atomically(self._path, msgspec.json.encode(self._lessons), durable=False)
                self._unwritten.clear()
