"""A kill, a full disk or a damaged file costs at most the newest checkpoint."""

import os
import random
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import pytest

from fashion_tui.runs import checkpoints
from fashion_tui.runs.checkpoints import CheckpointStore
from fashion_tui.runs.files import Content, write_atomically

from .parts import kill, read_line, run_python

SAVE_ON_AND_ON = """
import itertools, sys
from pathlib import Path
from fashion_tui.runs.checkpoints import CheckpointStore
store = CheckpointStore(Path(sys.argv[1]))
found = store.latest()
print(found.step if found else 0)
for step in itertools.count(found.step if found else 1):
    store.save(lambda file: [file.write(b"%d " % step * 2000) for _ in range(5)] and None, step=step, epoch=0)
    print(step)
"""

SAVE_ON_A_FULL_DISK = """
import resource, sys
from pathlib import Path
from fashion_tui.runs.checkpoints import CheckpointStore
store = CheckpointStore(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    store.save(lambda file: file.write(b"x" * 100_000) and None, step=3, epoch=0)
except OSError as error:
    print(error.strerror)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(sorted(path.name for path in store.folder.iterdir()))
print(store.latest().step, store.save(lambda file: file.write(b"x" * 100_000) and None, step=3, epoch=0).step)
"""

TORCH_ON_A_FULL_DISK = """
import resource, sys
from pathlib import Path
import torch
from fashion_tui.runs.checkpoints import CheckpointStore
store = CheckpointStore(Path(sys.argv[1]))
state = {"weights": torch.arange(100_000, dtype=torch.float32), "step": 7}
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))
try:
    store.save(lambda file: torch.save(state, file), step=7, epoch=1)
except OSError as error:
    print(error.strerror)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.save(lambda file: torch.save(state, file), step=7, epoch=1)
back = torch.load(store.path(store.latest()), weights_only=True)
print(torch.equal(back["weights"], state["weights"]), back["step"])
"""


def text(content: str) -> Callable[[BinaryIO], None]:
    """A writer of that text, in several pieces."""

    def write(file: BinaryIO) -> None:
        file.writelines(character.encode() for character in content)

    return write


def content(store: CheckpointStore, step: int | None = None) -> str | None:
    ref = store.latest() if step is None else store.at(step)
    return store.path(ref).read_text() if ref else None


def files(store: CheckpointStore) -> list[str]:
    return sorted(path.name for path in store.folder.iterdir())


@pytest.fixture
def store(run_path: Path) -> CheckpointStore:
    return CheckpointStore(run_path)


def test_what_was_saved_is_found(store: CheckpointStore) -> None:
    assert store.latest() is None
    assert store.best() is None
    ref = store.save(text("one"), step=100, epoch=1, validation_accuracy=0.5)
    assert (ref.file, ref.step, ref.epoch, ref.bytes, ref.validation_accuracy) == ("step-100.pt", 100, 1, 3, 0.5)
    assert store.latest() == ref
    assert content(store) == "one"
    assert store.path(ref).stat().st_mode & 0o777 == 0o600


def test_the_two_newest_and_the_best_are_kept(store: CheckpointStore) -> None:
    for step in range(1, 8):
        store.save(text(str(step)), step=step, epoch=step, best=step in {2, 3})
    assert store.steps() == [7, 6, 3]
    assert sorted(path.name for path in store.folder.glob("*.pt")) == ["step-3.pt", "step-6.pt", "step-7.pt"]
    best = store.best()
    assert best is not None
    assert best.step == 3
    assert content(store, 3) == "3"
    assert content(store, 5) is None


def test_files_of_others_are_left_alone(store: CheckpointStore) -> None:
    (store.folder / "notes.txt").write_text("mine")
    (store.folder / ".step-9.pt.abcd.tmp").write_text("left by a killed trainer")
    (store.folder / "step-9.pt").write_text("left by a killed trainer")
    store.save(text("1"), step=1, epoch=0)
    assert files(store) == ["latest.json", "notes.txt", "step-1.json", "step-1.pt"]


@pytest.mark.parametrize("damage", ["flip", "cut", "grow", "remove", "empty"])
def test_a_damaged_checkpoint_is_reported_and_the_one_before_is_used(store: CheckpointStore, damage: str) -> None:
    store.save(text("one"), step=1, epoch=0)
    path = store.path(store.save(text("two"), step=2, epoch=0))
    match damage:
        case "flip":
            path.write_bytes(b"tvo")
        case "cut":
            path.write_bytes(b"tw")
        case "grow":
            path.write_bytes(b"two ")
        case "empty":
            path.write_bytes(b"")
        case _:
            path.unlink()
    reports: list[str] = []
    found = store.latest(reports.append)
    assert found is not None
    assert found.step == 1
    assert len(reports) == 1
    assert "step-2.pt" in reports[0]


def test_a_damaged_one_does_not_count_as_one_of_the_two(store: CheckpointStore) -> None:
    store.save(text("one"), step=1, epoch=0)
    store.path(store.save(text("two"), step=2, epoch=0)).write_bytes(b"tvo")
    store.save(text("three"), step=3, epoch=0)
    assert store.steps() == [3, 1]


def test_after_going_back_the_later_ones_are_void(store: CheckpointStore) -> None:
    """A trainer that had to take the one before must not be led back to what it left behind."""
    store.save(text("one"), step=10, epoch=0)
    path = store.path(store.save(text("two"), step=20, epoch=0))
    path.write_bytes(b"tvo")
    assert content(store) == "one"
    path.write_bytes(b"two")
    store.save(text("new"), step=15, epoch=0)
    assert store.steps() == [15, 10]
    assert content(store) == "new"


def test_the_same_step_twice_overwrites_nothing(store: CheckpointStore) -> None:
    first = store.save(text("one"), step=5, epoch=0)
    second = store.save(text("two"), step=5, epoch=1)
    third = store.save(text("three"), step=5, epoch=1)
    assert [first.file, second.file, third.file] == ["step-5.pt", "step-5-2.pt", "step-5-3.pt"]
    assert store.latest() == third
    assert content(store, 5) == "three"
    store.path(third).write_bytes(b"")
    assert content(store) == content(store, 5) == "two"


@pytest.mark.parametrize("damage", [b"", b"{", b"null", b'{"file": "../../config.json"}'])
def test_a_damaged_pointer_is_reported_and_done_without(store: CheckpointStore, damage: bytes) -> None:
    store.save(text("one"), step=1, epoch=0)
    ref = store.save(text("two"), step=2, epoch=0)
    (store.folder / "latest.json").write_bytes(damage)
    reports: list[str] = []
    assert store.latest(reports.append) == ref
    assert len(reports) == 1


def test_pipes_are_not_waited_for(store: CheckpointStore) -> None:
    for step in (1, 2):
        store.save(text("one"), step=step, epoch=0)
    for file in ("latest.json", "step-2.pt"):
        (store.folder / file).unlink()
        os.mkfifo(store.folder / file)
    reports: list[str] = []
    found = store.latest(reports.append)
    assert found is not None
    assert found.step == 1
    assert reports == [
        "latest.json can't be read: not a file",
        "checkpoint step-2.pt can't be read: not a file; it is passed over",
    ]


def test_a_pointer_leads_nowhere_else(store: CheckpointStore) -> None:
    """Whatever latest.json says, no file outside the folder is opened."""
    ref = store.save(text("one"), step=1, epoch=0)
    secret = store.folder.parent / "config.json"
    pointer = (store.folder / "latest.json").read_text().replace("step-1.pt", f"../{secret.name}")
    (store.folder / "latest.json").write_text(pointer)
    reports: list[str] = []
    assert store.latest(reports.append) == ref
    assert "names no checkpoint" in reports[0]


def test_a_writer_that_fails_leaves_nothing(store: CheckpointStore) -> None:
    before = store.save(text("one"), step=1, epoch=0)

    def fail(file: BinaryIO) -> None:
        file.write(b"half")
        raise KeyError("state")

    with pytest.raises(KeyError):
        store.save(fail, step=2, epoch=0)
    assert files(store) == ["latest.json", "step-1.json", "step-1.pt"]
    assert store.latest() == before


@pytest.mark.parametrize("limit", [50_000, 50, 0])
def test_a_full_disk_leaves_the_older_ones(store: CheckpointStore, run_path: Path, limit: int) -> None:
    store.save(text("one"), step=1, epoch=0)
    store.save(text("two"), step=2, epoch=0)
    before = files(store)
    process = run_python(SAVE_ON_A_FULL_DISK, str(run_path), str(limit))
    assert read_line(process) == "File too large"
    assert read_line(process) == str(before)
    assert read_line(process) == "2 3"
    process.communicate()


def test_torch_saves_and_says_what_the_disk_said(store: CheckpointStore, run_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", TORCH_ON_A_FULL_DISK, str(run_path)], capture_output=True, text=True, check=True
    )
    assert answer.stdout.splitlines() == ["File too large", "True 7"]
    assert store.steps() == [7]


def test_a_kill_at_any_instant_costs_at_most_the_save_it_hit(store: CheckpointStore, run_path: Path) -> None:
    rng = random.Random(5)
    last = 0
    for _ in range(12):
        process = run_python(SAVE_ON_AND_ON, str(run_path))
        assert int(read_line(process)) >= last
        last = int(read_line(process))
        for _ in range(rng.randrange(5)):
            last = int(read_line(process))
        for _ in range(rng.randrange(3000)):
            rng.random()
        kill(process)
        reports: list[str] = []
        found = store.latest(reports.append)
        assert found is not None
        assert found.step >= last
        assert reports == []
        assert store.path(found).read_bytes() == b"%d " % found.step * 10_000


@pytest.mark.parametrize("kept_writes", range(5))
def test_a_kill_between_any_two_writes(
    store: CheckpointStore, monkeypatch: pytest.MonkeyPatch, kept_writes: int
) -> None:
    """A save makes four files one after the other (the weights, their sum, best, latest): each beginning is tried."""
    store.save(text("one"), step=1, epoch=0, best=True)

    class KilledError(BaseException):
        pass

    made = 0

    def killed(path: Path, content: Content) -> None:
        nonlocal made
        if made == kept_writes:
            raise KilledError
        made += 1
        write_atomically(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "write_atomically", killed)
        patch.setattr(checkpoints, "_remove", lambda path: None)  # noqa: ARG005 - a killed process tidies nothing
        with suppress(KilledError):
            store.save(text("two"), step=2, epoch=0, best=True)
    reports: list[str] = []
    assert content(store) == ("two" if kept_writes == 4 else "one")
    best = store.best(reports.append)
    assert best is not None
    assert best.step == (2 if kept_writes >= 3 else 1)
    assert reports == []
    again = store.save(text("again"), step=2, epoch=0)
    assert store.latest() == again
    assert len(store.steps()) <= 3
