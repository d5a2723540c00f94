"""The checkpoints of a run. If a save is interrupted, the older checkpoints remain. Files are verified before use.

    step-1875.pt:     The weights and everything else that determines the next step. This file is never overwritten;
                      a second checkpoint of the same step is named `step-1875-2.pt`.
    step-1875.json:   The checkpoint's CheckpointRef with size and SHA-256, written after the .pt file. A .pt file
                      without a .json file is ignored. The first field, `crc`, is the CRC-32 of all bytes after it.
    latest.json:      The CheckpointRef of the newest checkpoint, written after its .pt and .json files.
    best.json:        The CheckpointRef of the best checkpoint, if there is a validation set.

A process that is killed between two of these writes leaves a checkpoint that isn't yet named in `latest.json`. In this
case, the previous checkpoint is used, and the next save removes the unnamed one.
"""

import hashlib
import io
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import PurePath
from typing import Any, BinaryIO, cast

import msgspec

from fashion_tui.schema.run import CheckpointRef
from fashion_tui.schema.text import one_line

from .errors import reason
from .folder import Folder
from .layout import CHECKPOINTS_FOLDER, MAX_CHECKPOINT_BYTES, MAX_POINTER_BYTES

LATEST_FILE = "latest.json"
BEST_FILE = "best.json"
CHECKPOINT = re.compile(r"step-(\d{1,18})(?:-(\d{1,9}))?\.pt")

CHECKED_REF = re.compile(rb'\{"crc":(\d{1,10}),(.*)', re.DOTALL)
"""Matches a .json file with a CRC. Files written before the CRC was introduced have none."""

MAX_KEPT = 2
"""How many of the newest intact checkpoints to keep, in addition to the best one."""

Report = Callable[[str], None]
"""A callback that receives a one-line message about each unusable checkpoint."""


def ignore(_: str) -> None:
    """Report nothing."""


class CheckpointStore:
    """The folder `checkpoints` of a run. Only the holder of the run's lock may save; anyone may read.

    Each operation opens the folder again, because a user may delete it at any time.
    """

    def __init__(self, run: Folder) -> None:
        self._run = run

    def save(  # noqa: PLR0913
        self,
        write: Callable[[BinaryIO], None],
        *,
        step: int,
        epoch: int,
        validation_accuracy: float | None = None,
        best: bool = False,
        unsaved: tuple[str, ...] = (),
    ) -> CheckpointRef:
        """Save a checkpoint. `write` is called with a file and must write to it sequentially, as torch.save does.

        If `best` is True, the checkpoint also becomes the run's best one. `unsaved` lists the names of values that the
        checkpoint lacks. Raises OSError and keeps all older checkpoints if saving fails. The metrics of all steps up to
        `step` must already be in the log (`EventWriter.sync`), because a resumed trainer continues after `step` and
        doesn't write earlier metrics again.
        """
        with self._run.subfolder(CHECKPOINTS_FOLDER, create=True) as folder:
            file = _free_name(folder, step)
            try:
                sha256, size = _write_hashed(folder, file, write)
                ref = CheckpointRef(
                    file=file,
                    step=step,
                    epoch=epoch,
                    sha256=sha256,
                    bytes=size,
                    validation_accuracy=validation_accuracy,
                    unsaved=unsaved,
                )
                _write_ref(folder, _ref_name(file), ref)
            except BaseException:
                _remove(folder, file)
                _remove(folder, _ref_name(file))
                raise
            if best:  # written before latest.json, because a trainer that resumes from latest.json expects best.json
                _write_ref(folder, BEST_FILE, ref)
            _write_ref(folder, LATEST_FILE, ref)
            _prune_after(folder, ref)
            return ref

    def latest(self, report: Report = ignore) -> CheckpointRef | None:
        """Return the newest intact checkpoint, or None if there is none.

        Verify the SHA-256 and report damaged checkpoints.
        """
        with self._opened(report) as folder:
            return None if folder is None else _latest(folder, report)

    def best(self, report: Report = ignore) -> CheckpointRef | None:
        """Return the checkpoint that was saved as the best one, or None if it is missing or damaged."""
        with self._opened(report) as folder:
            if folder is None:
                return None
            ref = _read_ref(folder, BEST_FILE, report)
            return _first_intact(folder, [ref] if ref else [], report)

    def at(self, step: int, report: Report = ignore) -> CheckpointRef | None:
        """Return the newest intact checkpoint of a step, or None if there is none."""
        with self._opened(report) as folder:
            if folder is None:
                return None
            return _first_intact(folder, [ref for ref in _refs(folder) if ref.step == step], report)

    def steps(self) -> list[int]:
        """Return the steps that have checkpoints, newest first, without verifying them."""
        with self._opened() as folder:
            return [] if folder is None else list(dict.fromkeys(ref.step for ref in _refs(folder)))

    def open(self, ref: CheckpointRef) -> BufferedReader:
        """Open a checkpoint's file for reading. The returned object's `name` is the path. Raises OSError."""
        with self._run.subfolder(CHECKPOINTS_FOLDER) as folder:
            return BufferedReader(folder.open_to_read(ref.file, MAX_CHECKPOINT_BYTES))

    def prunable_bytes(self) -> int:
        """Return how many bytes `prune` would free now."""
        with self._opened() as folder:
            return 0 if folder is None else sum(_prunable(folder).values())

    def prune(self) -> int:
        """Remove all checkpoints except the newest intact one and the best one. Return the number of bytes freed.

        Temporary files of killed writers are removed too. If no checkpoint is intact, nothing is removed, because a
        damaged checkpoint is better than none. The caller must hold the run's lock. Raises OSError.
        """
        with self._opened() as folder:
            if folder is None:
                return 0
            removable = _prunable(folder)
            for name in removable:
                with suppress(FileNotFoundError):
                    folder.remove(name)
            return sum(removable.values())

    @contextmanager
    def _opened(self, report: Report = ignore) -> Iterator[Folder | None]:
        """Open the folder, or yield None if it is missing or can't be opened."""
        try:
            folder = self._run.subfolder(CHECKPOINTS_FOLDER)
        except FileNotFoundError:
            yield None
        except OSError as error:
            report(f"{CHECKPOINTS_FOLDER} can't be opened: {reason(error)}")
            yield None
        else:
            with folder:
                yield folder


def _ref_name(file: str) -> str:
    return f"{PurePath(file).stem}.json"


def _free_name(folder: Folder, step: int) -> str:
    file, number = f"step-{step}.pt", 2
    while folder.exists(file) or folder.exists(_ref_name(file)):
        file = f"step-{step}-{number}.pt"
        number += 1
    return file


def _write_ref(folder: Folder, name: str, ref: CheckpointRef) -> None:
    fields = msgspec.json.encode(ref).removeprefix(b"{")
    folder.write(name, b'{"crc":%d,%s' % (zlib.crc32(fields), fields))


def _decode_ref(content: bytes) -> CheckpointRef:
    """Return the content of a .json file. Raises ValueError or RecursionError if it is damaged."""
    if match := CHECKED_REF.fullmatch(content):
        crc, fields = match.groups()
        if zlib.crc32(fields) != int(crc):
            raise ValueError("the CRC doesn't match")
        content = b"{" + fields
    return msgspec.json.decode(content, type=CheckpointRef)


def _read_ref(folder: Folder, name: str, report: Report = ignore) -> CheckpointRef | None:
    """Return the content of a .json file, or None if it is missing or damaged. Report damage."""
    try:
        ref = _decode_ref(folder.read(name, MAX_POINTER_BYTES))
    except FileNotFoundError:
        return None
    except OSError as error:
        report(f"{name} can't be read: {reason(error)}")
        return None
    except (ValueError, RecursionError):
        report(f"{name} is damaged")
        return None
    if not CHECKPOINT.fullmatch(ref.file):
        report(f"{name} names {one_line(ref.file, 40)!r}, which is not a checkpoint")
        return None
    return ref


def _refs(folder: Folder) -> list[CheckpointRef]:
    """Return the checkpoints that are described by a `step-N.json` file, newest first."""
    refs = []
    for name in _names(folder):
        if CHECKPOINT.fullmatch(name):
            ref = _read_ref(folder, _ref_name(name))
            if ref and ref.file == name:
                refs.append(ref)
    return sorted(refs, key=_age, reverse=True)


def _names(folder: Folder) -> list[str]:
    try:
        return folder.names()
    except OSError:
        return []


def _latest(folder: Folder, report: Report) -> CheckpointRef | None:
    while True:
        pointer = _read_ref(folder, LATEST_FILE, report)
        ref = _first_intact(folder, _newest_first(folder, pointer), report)
        # If latest.json has changed, the trainer has saved a new checkpoint and may have removed the older ones.
        if ref or _read_ref(folder, LATEST_FILE) == pointer:
            return ref


def _newest_first(folder: Folder, pointer: CheckpointRef | None) -> Iterator[CheckpointRef]:
    """Yield the checkpoint named in `latest.json`, then the older ones.

    Skip checkpoints of later steps, which were abandoned when a trainer resumed from an earlier step.
    """
    if pointer:
        yield pointer
    for ref in _refs(folder):
        if not pointer or (_age(ref) < _age(pointer) and ref != pointer):
            yield ref


def _first_intact(folder: Folder, refs: Iterable[CheckpointRef], report: Report) -> CheckpointRef | None:
    for ref in refs:
        damage = _damage(folder, ref)
        if damage is None:
            return ref
        report(f"the checkpoint {ref.file} {damage}")
    return None


def _damage(folder: Folder, ref: CheckpointRef) -> str | None:
    """Return why a checkpoint's file can't be used, or None if it is intact."""
    try:
        with folder.open_to_read(ref.file, MAX_CHECKPOINT_BYTES) as file:
            size = os.fstat(file.fileno()).st_size
            if size != ref.bytes:
                return f"has {size:,} bytes instead of {ref.bytes:,}"
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"can't be read: {reason(error)}"
    return None if sha256 == ref.sha256 else f"is damaged: its SHA-256 is {sha256[:8]}…, not {one_line(ref.sha256, 9)}"


def _prune_after(folder: Folder, newest: CheckpointRef) -> None:
    """Remove old checkpoints and temporary files. Keep `newest`, the intact checkpoint before it, and the best one."""
    kept = [newest]
    for ref in _refs(folder):
        if len(kept) == MAX_KEPT:
            break
        if ref.file != newest.file and ref.step <= newest.step and _damage(folder, ref) is None:
            kept.append(ref)
    best = _read_ref(folder, BEST_FILE)
    if best:
        kept.append(best)
    for name in _files_except(folder, kept):
        _remove(folder, name)
    folder.remove_temporary_files()


def _prunable(folder: Folder) -> dict[str, int]:
    """Return the names and sizes of the files that `CheckpointStore.prune` removes."""
    newest = _latest(folder, ignore)
    if newest is None:
        return {}
    best = _read_ref(folder, BEST_FILE)
    names = {*_files_except(folder, [newest, best] if best else [newest]), *folder.temporary_files()}
    return {name: status.st_size for name, status in folder.entries() if name in names}


def _files_except(folder: Folder, kept: Iterable[CheckpointRef]) -> list[str]:
    """Return the names of the .pt and .json files of all checkpoints except those in `kept`."""
    stems = {PurePath(ref.file).stem for ref in kept}
    return [
        name
        for name in folder.names()
        if (path := PurePath(name)).suffix in {".pt", ".json"}
        and CHECKPOINT.fullmatch(f"{path.stem}.pt")
        and path.stem not in stems
    ]


def _age(ref: CheckpointRef) -> tuple[int, int]:
    """Return a key that sorts checkpoints by age: the step, then the number after the step in the file name.

    The key of `step-1875-2.pt` is (1875, 2); the key of `step-1875.pt` is (1875, 1).
    """
    match = CHECKPOINT.fullmatch(ref.file)
    return (ref.step, int(match[2] or 1)) if match else (ref.step, 0)


def _remove(folder: Folder, name: str) -> None:
    with suppress(OSError):
        folder.remove(name)


class _HashingFile(io.RawIOBase):
    """A file that can only be written sequentially, and that computes the SHA-256 of the data."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()
        self.size = 0
        self.failure: OSError | None = None
        """The error raised by a failed write. It is kept because torch.save raises a different error instead."""

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


def _write_hashed(folder: Folder, name: str, write: Callable[[BinaryIO], None]) -> tuple[str, int]:
    """Write a file atomically; return the SHA-256 and the size of its content."""
    hashing: list[_HashingFile] = []

    def content(file: BinaryIO) -> None:
        hashing.append(_HashingFile(file))
        try:
            write(cast("BinaryIO", hashing[0]))
        except Exception as error:
            if hashing[0].failure is not None:
                raise hashing[0].failure from error
            raise

    folder.write(name, content)
    return hashing[0].sha256.hexdigest(), hashing[0].size
