"""A kill, a full disk or a damaged file costs at most the newest checkpoint."""

import os
import random
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec
import pytest

from fashion_tui.files import Content
from fashion_tui.runs import checkpoints
from fashion_tui.runs.checkpoints import CheckpointStore
from fashion_tui.runs.folder import Folder
from fashion_tui.runs.run import Run
from fashion_tui.schema.run import CheckpointRef

from .parts import kill, read_line, run_python

SAVE_REPEATEDLY = """
import itertools, sys
from pathlib import Path
from fashion_tui.runs.run import Run
store = Run(Path(sys.argv[1])).checkpoints
latest = store.latest()
print(latest.step if latest else 0)
for step in itertools.count(latest.step if latest else 1):
    store.save(lambda file: [file.write(b"%d " % step * 2000) for _ in range(5)] and None, step=step, epoch=0)
    print(step)
"""

SAVE_ON_A_FULL_DISK = """
import os, resource, sys
from pathlib import Path
from fashion_tui.runs.run import Run
run = Run(Path(sys.argv[1]))
store = run.checkpoints
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    store.save(lambda file: file.write(b"x" * 100_000) and None, step=3, epoch=0)
except OSError as error:
    print(error.strerror)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(sorted(os.listdir(run.path / "checkpoints")))
print(store.latest().step, store.save(lambda file: file.write(b"x" * 100_000) and None, step=3, epoch=0).step)
"""

TORCH_ON_A_FULL_DISK = """
import resource, sys
from pathlib import Path
import torch
from fashion_tui.runs.run import Run
store = Run(Path(sys.argv[1])).checkpoints
state = {"weights": torch.arange(100_000, dtype=torch.float32), "step": 7}
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))
try:
    store.save(lambda file: torch.save(state, file), step=7, epoch=1)
except OSError as error:
    print(error.strerror)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.save(lambda file: torch.save(state, file), step=7, epoch=1)
loaded = torch.load(store.open(store.latest()), weights_only=True)
print(torch.equal(loaded["weights"], state["weights"]), loaded["step"])
"""


def writer(content: str) -> Callable[[BinaryIO], None]:
    """Return a function that writes the content one character at a time."""

    def write(file: BinaryIO) -> None:
        file.writelines(character.encode() for character in content)

    return write


def content(store: CheckpointStore, step: int | None = None) -> str | None:
    ref = store.latest() if step is None else store.at(step)
    if ref is None:
        return None
    with store.open(ref) as file:
        return file.read().decode()


@pytest.fixture
def folder(run: Run) -> Path:
    return run.path / "checkpoints"


@pytest.fixture
def store(run: Run) -> CheckpointStore:
    return run.checkpoints


def file_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_saved_checkpoint_is_found(store: CheckpointStore, folder: Path) -> None:
    assert store.latest() is None
    assert store.best() is None
    ref = store.save(writer("one"), step=100, epoch=1, validation_accuracy=0.5)
    assert (ref.file, ref.step, ref.epoch, ref.bytes, ref.validation_accuracy) == ("step-100.pt", 100, 1, 3, 0.5)
    assert store.latest() == ref
    assert content(store) == "one"
    assert (folder / ref.file).stat().st_mode & 0o777 == 0o600
    with store.open(ref) as file:
        assert file.name == str(folder / ref.file)


def test_the_two_newest_and_the_best_are_kept(store: CheckpointStore, folder: Path) -> None:
    for step in range(1, 8):
        store.save(writer(str(step)), step=step, epoch=step, best=step in {2, 3})
    assert store.steps() == [7, 6, 3]
    assert sorted(path.name for path in folder.glob("*.pt")) == ["step-3.pt", "step-6.pt", "step-7.pt"]
    best = store.best()
    assert best is not None
    assert best.step == 3
    assert content(store, 3) == "3"
    assert content(store, 5) is None


def test_other_files_are_left_alone(store: CheckpointStore, folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    (folder / ".step-9.pt.abcd.tmp").write_text("left by a killed trainer")
    (folder / "step-9.pt").write_text("left by a killed trainer")
    store.save(writer("1"), step=1, epoch=0)
    assert file_names(folder) == ["latest.json", "notes.txt", "step-1.json", "step-1.pt"]


def test_a_deleted_folder_is_created_again(store: CheckpointStore, folder: Path) -> None:
    folder.rmdir()
    assert store.latest() is None
    assert store.steps() == []
    store.save(writer("1"), step=1, epoch=0)
    assert content(store) == "1"


@pytest.mark.parametrize("damage", ["flip", "cut", "grow", "remove", "empty", "link"])
def test_a_damaged_checkpoint_is_reported_and_the_one_before_is_used(
    store: CheckpointStore, folder: Path, damage: str
) -> None:
    store.save(writer("one"), step=1, epoch=0)
    path = folder / store.save(writer("two"), step=2, epoch=0).file
    match damage:
        case "flip":
            path.write_bytes(b"tvo")
        case "cut":
            path.write_bytes(b"tw")
        case "grow":
            path.write_bytes(b"two ")
        case "empty":
            path.write_bytes(b"")
        case "link":
            path.rename(folder / "elsewhere")
            path.symlink_to("elsewhere")
        case _:
            path.unlink()
    reports: list[str] = []
    latest = store.latest(reports.append)
    assert latest is not None
    assert latest.step == 1
    assert len(reports) == 1
    assert "step-2.pt" in reports[0]


def test_a_damaged_checkpoint_does_not_count_as_one_of_the_two(store: CheckpointStore, folder: Path) -> None:
    store.save(writer("one"), step=1, epoch=0)
    (folder / store.save(writer("two"), step=2, epoch=0).file).write_bytes(b"tvo")
    store.save(writer("three"), step=3, epoch=0)
    assert store.steps() == [3, 1]


def test_later_checkpoints_are_void_after_an_earlier_one_was_used(store: CheckpointStore, folder: Path) -> None:
    """After a resume from an earlier checkpoint, the later one must not be used again, even if it becomes readable."""
    store.save(writer("one"), step=10, epoch=0)
    path = folder / store.save(writer("two"), step=20, epoch=0).file
    path.write_bytes(b"tvo")
    assert content(store) == "one"
    path.write_bytes(b"two")
    store.save(writer("new"), step=15, epoch=0)
    assert store.steps() == [15, 10]
    assert content(store) == "new"


def test_no_later_checkpoint_is_used_if_the_latest_is_damaged(
    store: CheckpointStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trainer that resumed from step 10 was killed after it saved step 15, before it removed step 20."""
    monkeypatch.setattr(checkpoints, "_remove", lambda *_: None)
    store.save(writer("one"), step=10, epoch=0)
    store.save(writer("abandoned"), step=20, epoch=0)
    latest = store.save(writer("two"), step=15, epoch=0)
    (folder / latest.file).write_bytes(b"tvo")
    assert store.steps() == [20, 15, 10]
    assert content(store) == "one"


def test_a_second_checkpoint_of_a_step_overwrites_nothing(store: CheckpointStore, folder: Path) -> None:
    first = store.save(writer("one"), step=5, epoch=0)
    second = store.save(writer("two"), step=5, epoch=1)
    third = store.save(writer("three"), step=5, epoch=1)
    assert [first.file, second.file, third.file] == ["step-5.pt", "step-5-2.pt", "step-5-3.pt"]
    assert store.latest() == third
    assert content(store, 5) == "three"
    (folder / third.file).write_bytes(b"")
    assert content(store) == content(store, 5) == "two"


@pytest.mark.parametrize("damage", [b"", b"{", b"null", b'{"file": "../../config.json"}', b" " * 100_000])
def test_a_damaged_pointer_is_reported_and_ignored(store: CheckpointStore, folder: Path, damage: bytes) -> None:
    store.save(writer("one"), step=1, epoch=0)
    ref = store.save(writer("two"), step=2, epoch=0)
    (folder / "latest.json").write_bytes(damage)
    reports: list[str] = []
    assert store.latest(reports.append) == ref
    assert len(reports) == 1


def test_references_without_a_crc_are_read(store: CheckpointStore, folder: Path) -> None:
    """Earlier versions wrote references without a CRC."""
    ref = store.save(writer("one"), step=1, epoch=0, best=True)
    for file in folder.glob("*.json"):
        file.write_bytes(msgspec.json.encode(ref))
    assert store.latest() == store.best() == store.at(1) == ref


def test_a_reference_without_a_valid_crc_field_is_reported(store: CheckpointStore, folder: Path) -> None:
    ref = store.save(writer("one"), step=1, epoch=3)
    file = folder / "latest.json"
    wrong = file.read_bytes().replace(b'"epoch":3', b'"epoch":4')
    for content in (wrong, wrong.replace(b'"crc"', b'"crb"')):
        file.write_bytes(content)
        reports: list[str] = []
        assert store.latest(reports.append) == ref
        assert reports == ["latest.json is damaged"]


def test_pipes_are_not_opened(store: CheckpointStore, folder: Path) -> None:
    for step in (1, 2):
        store.save(writer("one"), step=step, epoch=0)
    for file in ("latest.json", "step-2.pt"):
        (folder / file).unlink()
        os.mkfifo(folder / file)
    reports: list[str] = []
    latest = store.latest(reports.append)
    assert latest is not None
    assert latest.step == 1
    assert len(reports) == 2
    assert all(file in report for file, report in zip(("latest.json", "step-2.pt"), reports, strict=True))
    assert all("not a regular file" in report for report in reports)


def test_a_pointer_cannot_name_a_file_outside_the_folder(store: CheckpointStore, folder: Path) -> None:
    ref = store.save(writer("one"), step=1, epoch=0)
    pointer = msgspec.structs.replace(ref, file="../config.json")
    (folder / "latest.json").write_bytes(msgspec.json.encode(pointer))  # without a CRC, as earlier versions wrote it
    reports: list[str] = []
    assert store.latest(reports.append) == ref
    assert "not a checkpoint" in reports[0]


def test_a_wrong_size_is_detected_without_reading_the_file(store: CheckpointStore, folder: Path) -> None:
    """The size is compared before the file is read and hashed."""
    store.save(writer("one"), step=1, epoch=0)
    path = folder / store.save(writer("two"), step=2, epoch=0).file
    os.truncate(path, 20 << 30)  # a sparse file
    reports: list[str] = []
    latest = store.latest(reports.append)
    assert latest is not None
    assert latest.step == 1
    assert "bytes instead of" in reports[0]


def test_a_failing_writer_leaves_nothing(store: CheckpointStore, folder: Path) -> None:
    before = store.save(writer("one"), step=1, epoch=0)

    def fail(file: BinaryIO) -> None:
        file.write(b"half")
        raise KeyError("state")

    with pytest.raises(KeyError):
        store.save(fail, step=2, epoch=0)
    assert file_names(folder) == ["latest.json", "step-1.json", "step-1.pt"]
    assert store.latest() == before


@pytest.mark.parametrize("limit", [50_000, 50, 0])
def test_a_full_disk_leaves_the_older_checkpoints(run: Run, folder: Path, limit: int) -> None:
    run.checkpoints.save(writer("one"), step=1, epoch=0)
    run.checkpoints.save(writer("two"), step=2, epoch=0)
    before = file_names(folder)
    process = run_python(SAVE_ON_A_FULL_DISK, str(run.path), str(limit))
    assert read_line(process) == "File too large"
    assert read_line(process) == str(before)
    assert read_line(process) == "2 3"
    process.communicate()


def test_the_systems_error_is_raised_instead_of_torchs(run: Run) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", TORCH_ON_A_FULL_DISK, str(run.path)], capture_output=True, text=True, check=True
    )
    assert answer.stdout.splitlines() == ["File too large", "True 7"]
    assert run.checkpoints.steps() == [7]


def test_a_kill_at_any_time_costs_at_most_the_running_save(run: Run) -> None:
    rng = random.Random(5)
    last = 0
    for _ in range(12):
        process = run_python(SAVE_REPEATEDLY, str(run.path))
        assert int(read_line(process)) >= last
        last = int(read_line(process))
        for _ in range(rng.randrange(5)):
            last = int(read_line(process))
        for _ in range(rng.randrange(3000)):
            rng.random()
        kill(process)
        reports: list[str] = []
        latest = run.checkpoints.latest(reports.append)
        assert latest is not None
        assert latest.step >= last
        assert reports == []
        with run.checkpoints.open(latest) as file:
            assert file.read() == b"%d " % latest.step * 10_000


@pytest.mark.parametrize("writes", range(5))
def test_a_kill_between_any_two_writes(store: CheckpointStore, monkeypatch: pytest.MonkeyPatch, writes: int) -> None:
    """A save writes four files: weights, reference, best and latest. It is killed after `writes` of them."""
    store.save(writer("one"), step=1, epoch=0, best=True)

    class KilledError(BaseException):
        pass

    write = Folder.write
    count = 0

    def write_or_die(self: Folder, name: str, content: Content, *, durable: bool = True) -> None:
        nonlocal count
        if count == writes:
            raise KilledError
        count += 1
        write(self, name, content, durable=durable)

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "write", write_or_die)
        patch.setattr(checkpoints, "_remove", lambda *_: None)  # a killed process removes nothing
        with suppress(KilledError):
            store.save(writer("two"), step=2, epoch=0, best=True)
    reports: list[str] = []
    assert content(store) == ("two" if writes == 4 else "one")
    best: CheckpointRef | None = store.best(reports.append)
    assert best is not None
    assert best.step == (2 if writes >= 3 else 1)
    assert reports == []
    again = store.save(writer("again"), step=2, epoch=0)
    assert store.latest() == again
    assert len(store.steps()) <= 3
