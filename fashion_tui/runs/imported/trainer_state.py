"""Read `trainer_state.json`, in which the `Trainer` of Hugging Face Transformers stores everything that it has logged.

Each checkpoint has such a file, with the log up to its step. Another one is in the output folder if the script calls
`trainer.save_state()`. `training_args.bin` is a pickle, so it is never read.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from fashion_tui.runs.errors import reason
from fashion_tui.runs.folder import Folder
from fashion_tui.runs.script.settings import json_settings
from fashion_tui.schema.events import Resumed, RunEvent, StepChunk, Warned
from fashion_tui.schema.floats import JsonFloat, encode_float
from fashion_tui.schema.text import one_line

from .log import MAX_STEP, UNKNOWN_TIME, LastValues, file_status, is_written, metric_name, oldest_change

STATE_FILE = "trainer_state.json"
CHECKPOINT_FOLDER = re.compile(r"checkpoint-(\d{1,18})")
MAX_STATE_BYTES = 256 << 20

SETTINGS = (
    "num_train_epochs", "max_steps", "train_batch_size", "logging_steps", "eval_steps", "save_steps", "trial_name",
    "trial_params",
)  # fmt: skip
"""Fields of the file that are settings. The others describe the progress of the run."""

Entry = Mapping[str, Any]
"""The values logged at a step: the step, and the values by name."""

_State = tuple[tuple[int, ...], Mapping[str, Any]]
"""The fingerprint of a file and its content."""


class TrainerState:
    """The log in the output folder of a Trainer, or in the folder of a checkpoint."""

    library = "Hugging Face"

    def __init__(self, folder: Folder, note: str | None = None) -> None:
        """`note` is reported as a warning."""
        self._folder = folder
        self._note = note
        self.problem: str | None = None
        """Why a file couldn't be read in the last call of `states`, or None if all files could be read."""
        self._states: dict[str, _State] = {}
        """Content of each file that was read, with the file's fingerprint."""
        self._history: list[Entry] = []
        self._last_step = 0
        """Number of steps that the run has completed."""
        self._history_of: list[tuple[int, ...]] = []
        """Fingerprints of the files from which the history was composed."""

    def settings(self) -> tuple[dict[str, object], str | None]:
        try:
            states = self.states()
        except OSError:
            return {}, None  # reported by `last`
        state = states[-1] if states else {}
        return json_settings({name: state[name] for name in SETTINGS if state.get(name) is not None})

    def files(self) -> Mapping[str, os.stat_result]:
        """Return the files in the output folder and in the folders of checkpoints, in the order of their steps."""
        checkpoints = sorted(
            (int(match[1]), name)
            for name, _ in self._folder.entries()
            if (match := CHECKPOINT_FOLDER.fullmatch(name)) is not None
        )
        found: dict[str, os.stat_result] = {}
        for _, name in checkpoints:
            with suppress(OSError), self._folder.subfolder(name) as folder:
                if (status := file_status(folder, STATE_FILE)) is not None:
                    found[f"{name}/{STATE_FILE}"] = status
        if (status := file_status(self._folder, STATE_FILE)) is not None:
            found[STATE_FILE] = status
        return found

    def history(self) -> list[Entry]:
        """Return everything that was logged, in the order of the steps. Files that haven't changed aren't read again.

        The checkpoint with the highest step has the whole history, except for what `trainer.save_state()` adds. A file
        that was written later and has other values at some steps shows that the run was resumed from an earlier
        checkpoint; its values replace those at the same and higher steps. Raises OSError if the folder can't be read.
        """
        states = self.states()
        read = [fingerprint for fingerprint, _ in self._states.values()]
        if read != self._history_of:
            self._history, self._history_of, self._last_step = [], read, 0
            for state in states:
                self._add(state)
        return self._history

    def _add(self, state: Mapping[str, Any]) -> None:
        """Merge the log of a state, which has the whole history of the run up to a step, into the history."""
        entries = [entry for entry in state.get("log_history", ()) if _step(entry) is not None]
        step = _step({"step": state.get("global_step")}) or 0
        if _common(self._history, entries) < len(entries):
            self._history, self._last_step = entries, step
        else:
            self._last_step = max(self._last_step, step)

    def states(self) -> list[Mapping[str, Any]]:
        """Read the newest files, in the order in which they were written. Raises OSError if the folder can't be read.

        A file that can't be read is left out; see `problem`.
        """
        files, before = self.files(), self._states
        self.problem, self._states = None, {}
        oldest = 0
        for name in reversed([name for name in files if name != STATE_FILE]):
            if self._read_state(name, files[name], before):
                oldest = files[name].st_mtime_ns
                break
        for name, status in files.items():
            if name not in self._states and (name == STATE_FILE or (oldest and status.st_mtime_ns > oldest)):
                self._read_state(name, status, before)
        names = sorted(self._states, key=lambda name: files[name].st_mtime_ns)
        self._states = {name: self._states[name] for name in names}
        return [state for _, state in self._states.values()]

    def created(self) -> float:
        return oldest_change(self.files())

    def follow(self) -> "StateFollower":
        return StateFollower(self, self._note)

    def last(self) -> LastValues:
        last = LastValues()
        for entry in self.history():
            last.step = _step(entry) or 0
            last.values |= _values(entry)
        last.step = max(last.step, self._last_step)
        last.set_epoch(last.values.get("epoch"))
        last.seconds = last.values.get("train_runtime", 0.0)
        if self.problem is not None:
            raise OSError(None, self.problem)
        return last

    def _read_state(self, name: str, status: os.stat_result, before: Mapping[str, _State]) -> bool:
        """Read a file unless it is the same as `before`. Return whether it can be read. If not, set `problem`."""
        fingerprint = (status.st_ino, status.st_size, status.st_mtime_ns)
        if name in before and before[name][0] == fingerprint:
            self._states[name] = before[name]
            return True
        try:
            self._states[name] = fingerprint, self._read(name)
        except OSError as error:
            is_incomplete = isinstance(error, BadState) and is_written(status)
            if is_incomplete and name in before:
                self._states[name] = before[name]
            elif not is_incomplete:
                self.problem = reason(error) if isinstance(error, BadState) else f"{name}: {reason(error)}"
        return name in self._states

    def _read(self, path: str) -> Mapping[str, Any]:
        folder, _, name = path.rpartition("/")
        if folder:
            with self._folder.subfolder(folder) as checkpoint:
                content = checkpoint.read(name, MAX_STATE_BYTES)
        else:
            content = self._folder.read(name, MAX_STATE_BYTES)
        try:
            state = json.loads(content)  # msgspec rejects NaN, which these files may contain
        except (ValueError, RecursionError) as error:
            raise BadState(None, f"{path} isn't valid JSON: {one_line(str(error))}") from error
        if not isinstance(state, dict) or not isinstance(state.get("log_history", []), list):
            raise BadState(None, f"{path} isn't the state of a Trainer: it has no list 'log_history'")
        return state


class BadState(OSError):
    """Raised when the content of a file isn't the state of a Trainer."""


class StateFollower:
    """Yields a chunk for each entry of the log. Entries that a resumed run has replaced are discarded."""

    def __init__(self, log: TrainerState, note: str | None = None) -> None:
        self.file, self.unit = STATE_FILE, "line"
        self.bad_lines = 0
        self.missing_events = 0
        self.complete = False
        self.ends_unfinished = False
        self._log = log
        self._note = note
        self._history: list[Entry] = []

    def events(self, max_bytes: int | None = None) -> Iterator[RunEvent]:  # noqa: ARG002 - the files are read as a whole
        self.complete = True
        history = self._log.history()
        if history is not self._history:
            yield from self._changes(history)
        if self._log.problem is not None:
            raise OSError(None, self._log.problem)

    def _changes(self, history: list[Entry]) -> Iterator[RunEvent]:
        if self._note is not None and not self._history:
            yield Warned(time=UNKNOWN_TIME, message=self._note)
        kept = _common(self._history, history)
        if kept < len(self._history):
            yield Resumed(time=UNKNOWN_TIME, step=_last_step(history[:kept]), epoch=0, epochs=0, checkpoint=None, pid=0)
        for entry in history[kept:]:
            metrics: dict[str, list[JsonFloat | None]] = {
                name: [encode_float(value)] for name, value in _values(entry).items()
            }
            if metrics:
                yield StepChunk(time=UNKNOWN_TIME, steps=[_step(entry) or 0], metrics=metrics)
        self._history = history


def _common(before: Sequence[Entry], after: Sequence[Entry]) -> int:
    """Return the number of entries of `before` that remain valid: those with a lower step than the first difference."""
    same = next(
        (index for index, (one, other) in enumerate(zip(before, after, strict=False)) if repr(one) != repr(other)), None
    )
    if same is None:
        return min(len(before), len(after))
    step = min(_step(before[same]) or 0, _step(after[same]) or 0)
    return sum((_step(entry) or 0) < step for entry in before[:same])


def _last_step(history: Sequence[Entry]) -> int:
    return max((_step(entry) or 0 for entry in history), default=-1)


def _step(entry: object) -> int | None:
    """Return the step of an entry, or None if the entry is invalid."""
    step = entry.get("step") if isinstance(entry, dict) else None
    return step if isinstance(step, int) and 0 <= step <= MAX_STEP else None


def _values(entry: Entry) -> dict[str, float]:
    """Return the numbers in an entry, keyed by metric name."""
    values = {}
    for name, value in entry.items():
        if name != "step" and isinstance(value, int | float) and not isinstance(value, bool):
            with suppress(OverflowError):  # an integer may be too large for a float
                values[metric_name(name)] = float(value)
    return values
