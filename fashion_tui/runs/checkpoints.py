"""A run's checkpoints: written so that a kill at any instant loses nothing older, checked before they are used.

    step-1875.pt      the weights and all that decides the next step; never overwritten: a second checkpoint of
                      the same step is `step-1875-2.pt`
    step-1875.json    a CheckpointRef: its size and SHA-256. Written once the .pt is in place: a .pt without it counts
                      for nothing
    latest.json       the newest one's CheckpointRef, written after both
    best.json         the best one's, where a validation share decides that

A kill between two of these writes leaves a checkpoint that `latest.json` doesn't name yet: the one before is used then,
and the next save tidies up.
"""

import hashlib
import io
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

from fashion_tui.schema.run import CheckpointRef

from .files import open_to_read, read_whole, remove_unfinished, unfinished, write_atomically
from .text import reason

CHECKPOINTS_FOLDER = "checkpoints"
LATEST_FILE = "latest.json"
BEST_FILE = "best.json"
CHECKPOINT = re.compile(r"step-(\d{1,18})(?:-(\d{1,9}))?\.pt")

KEPT = 2
"""So many of the newest whole checkpoints are kept, and the best."""


def ignore(_: str) -> None:
    """Report to nobody."""


class CheckpointStore:
    """The folder `checkpoints` of a run. Saving is for the holder of the run's lock, reading for everyone."""

    def __init__(self, run_path: Path) -> None:
        self.folder = run_path / CHECKPOINTS_FOLDER

    def save(
        self,
        write: Callable[[BinaryIO], None],
        *,
        step: int,
        epoch: int,
        validation_accuracy: float | None = None,
        best: bool = False,
    ) -> CheckpointRef:
        """Keep what `write` writes into the file that it is given, from its beginning to its end, as torch.save does.

        `best` makes it the run's best one too. Raises OSError with all older checkpoints left as they were. The figures
        of all steps up to `step` have to be in the log before (`EventWriter.sync`): a resumed trainer goes on after
        `step` and writes no earlier figure again.
        """
        self.folder.mkdir(mode=0o700, exist_ok=True)
        path = self._free_path(step)
        try:
            sha256, size = _write_hashed(path, write)
            ref = CheckpointRef(
                file=path.name,
                step=step,
                epoch=epoch,
                sha256=sha256,
                bytes=size,
                validation_accuracy=validation_accuracy,
            )
            self._point(path.with_suffix(".json").name, ref)
        except BaseException:
            _remove(path)
            _remove(path.with_suffix(".json"))
            raise
        if best:  # before latest.json: a trainer that resumes from `latest` relies on the best one that it knows of
            self._point(BEST_FILE, ref)
        self._point(LATEST_FILE, ref)
        self._prune(ref)
        return ref

    def latest(self, report: Callable[[str], None] = ignore) -> CheckpointRef | None:
        """The newest checkpoint that is whole (its SHA-256 is checked); None where there is none.

        `report` is told, in one line each, of what was passed over.
        """
        while True:
            pointer = self._read(LATEST_FILE, report)
            found = self._first_good(self._newest_first(pointer), report)
            # The trainer may have saved and pruned meanwhile, and taken away what was looked at.
            if found or self._read(LATEST_FILE) == pointer:
                return found

    def best(self, report: Callable[[str], None] = ignore) -> CheckpointRef | None:
        """The one that was saved as best, if it is whole; None where there is none."""
        pointer = self._read(BEST_FILE, report)
        return self._first_good([pointer] if pointer else [], report)

    def at(self, step: int, report: Callable[[str], None] = ignore) -> CheckpointRef | None:
        """The newest of that step, if it is kept and whole."""
        return self._first_good([ref for ref in self._refs() if ref.step == step], report)

    def steps(self) -> list[int]:
        """Of which steps there are checkpoints, newest first; they aren't checked."""
        return list(dict.fromkeys(ref.step for ref in self._refs()))

    def older(self) -> list[Path]:
        """The files of all checkpoints but the newest whole one and the best, and what was left unfinished.

        None where no checkpoint is whole: a damaged one is better than nothing. For when nobody writes there.
        """
        newest = self.latest()
        if newest is None:
            return []
        best = self._read(BEST_FILE)
        kept = {Path(ref.file).stem for ref in (newest, best) if ref is not None}
        return [path for path in self._files() if path.stem not in kept] + unfinished(self.folder)

    def path(self, ref: CheckpointRef) -> Path:
        """Where its file lies."""
        return self.folder / ref.file

    def _free_path(self, step: int) -> Path:
        path = self.folder / f"step-{step}.pt"
        again = 2
        while path.exists() or path.with_suffix(".json").exists():
            path = self.folder / f"step-{step}-{again}.pt"
            again += 1
        return path

    def _point(self, name: str, ref: CheckpointRef) -> None:
        write_atomically(self.folder / name, msgspec.json.encode(ref))

    def _read(self, name: str, report: Callable[[str], None] = ignore) -> CheckpointRef | None:
        """What a .json file says; None where it is missing, or damaged and reported."""
        try:
            ref = msgspec.json.decode(read_whole(self.folder / name), type=CheckpointRef)
        except FileNotFoundError:
            return None
        except OSError as error:
            report(f"{name} can't be read: {reason(error)}")
            return None
        except (ValueError, RecursionError):
            report(f"{name} is damaged")
            return None
        if not CHECKPOINT.fullmatch(ref.file):
            report(f"{name} names no checkpoint: {ref.file!r}")
            return None
        return ref

    def _refs(self) -> list[CheckpointRef]:
        """All checkpoints with a .json of their own, by step, newest first."""
        refs = []
        for path in self._checkpoint_files():
            ref = self._read(path.with_suffix(".json").name)
            if ref and ref.file == path.name:
                refs.append(ref)
        return sorted(refs, key=_age, reverse=True)

    def _checkpoint_files(self) -> list[Path]:
        try:
            return [path for path in self.folder.iterdir() if CHECKPOINT.fullmatch(path.name)]
        except OSError:
            return []

    def _newest_first(self, pointer: CheckpointRef | None) -> Iterator[CheckpointRef]:
        """The one pointed to, then those before it. Later steps belong to what a resumed trainer has left behind."""
        if pointer:
            yield pointer
        for ref in self._refs():
            if not pointer or (_age(ref) < _age(pointer) and ref != pointer):
                yield ref

    def _first_good(
        self, refs: Iterator[CheckpointRef] | list[CheckpointRef], report: Callable[[str], None]
    ) -> CheckpointRef | None:
        for ref in refs:
            fault = self._fault(ref)
            if fault is None:
                return ref
            report(f"checkpoint {ref.file} {fault}; it is passed over")
        return None

    def _fault(self, ref: CheckpointRef) -> str | None:
        """What is wrong with the file of a checkpoint; None where it is whole."""
        try:
            with open_to_read(self.path(ref)) as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
                size = file.tell()
        except FileNotFoundError:
            return "is missing"
        except OSError as error:
            return f"can't be read: {reason(error)}"
        if size != ref.bytes:
            return f"has {size:,} bytes instead of {ref.bytes:,}"
        return None if sha256 == ref.sha256 else f"is damaged: its SHA-256 is {sha256}, not {ref.sha256}"

    def _prune(self, newest: CheckpointRef) -> None:
        """Remove all but the newest, the whole one before it, the best, and what a killed trainer left unfinished."""
        keep = [newest]
        for ref in self._refs():
            if len(keep) == KEPT:
                break
            if ref.file != newest.file and ref.step <= newest.step and self._fault(ref) is None:
                keep.append(ref)
        best = self._read(BEST_FILE)
        if best:
            keep.append(best)
        kept = {Path(ref.file).stem for ref in keep}
        for path in self._files():
            if path.stem not in kept:
                _remove(path)
        remove_unfinished(self.folder)

    def _files(self) -> list[Path]:
        """Those that belong to checkpoints of any age, `.pt` and `.json`."""
        return [
            path
            for path in self.folder.iterdir()
            if CHECKPOINT.fullmatch(f"{path.stem}.pt") and path.suffix in {".pt", ".json"}
        ]


class _HashingFile(io.RawIOBase):
    """Hands on what is written, in order, and sums it up on the way."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()
        self.size = 0
        self.failure: OSError | None = None
        """What the system said when a write failed: writers such as torch.save hide it behind words of their own."""

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        view = memoryview(data).cast("B")
        try:
            self._file.write(view)
        except OSError as error:
            self.failure = error
            raise
        self.sha256.update(view)
        self.size += view.nbytes
        return view.nbytes


def _write_hashed(path: Path, write: Callable[[BinaryIO], None]) -> tuple[str, int]:
    """Write the file atomically; the SHA-256 and the size of what was written."""
    hashing: list[_HashingFile] = []

    def content(file: BinaryIO) -> None:
        hashing.append(_HashingFile(file))
        try:
            write(cast("BinaryIO", hashing[0]))
        except Exception as error:
            if hashing[0].failure is not None:
                raise hashing[0].failure from error
            raise

    write_atomically(path, content)
    return hashing[0].sha256.hexdigest(), hashing[0].size


def _age(ref: CheckpointRef) -> tuple[int, int]:
    """Sorts by step, and by the number of the file among those of its step."""
    match = CHECKPOINT.fullmatch(ref.file)
    return (ref.step, int(match[2] or 1)) if match else (ref.step, 0)


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
