"""The queue of a device: one run at a time, in the order of the queue, whatever happens to its trainers."""

import os
import random
import signal
import stat
import threading
from pathlib import Path

import msgspec
import pytest

from fashion_tui.machine.host import host_name
from fashion_tui.runs import queue
from fashion_tui.runs.queue import QueueEntry, QueuePlace, find_place, is_device_free, move
from fashion_tui.runs.store import summarise
from fashion_tui.schema.errors import UserError

from .parts import kill, make_run, read_line, run_python

ADD = """
import sys
from pathlib import Path
from fashion_tui.runs.queue import QueueEntry
entry = QueueEntry(Path(sys.argv[1]), "cpu", waits=True)
print(entry.try_start())
sys.stdin.readline()
"""

FORK = """
import os, sys
from pathlib import Path
from fashion_tui.runs.queue import QueueEntry
entry = QueueEntry(Path(sys.argv[1]), "cpu", waits=True)
if os.fork() == 0:
    print("forked")
sys.stdin.readline()
"""


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    runs = tmp_path / "runs"
    runs.mkdir(mode=0o700)
    return runs


def add(runs: Path, name: str, device: str = "cpu", *, waits: bool = True) -> QueueEntry:
    return QueueEntry(runs / name, device, waits=waits)


def order(runs: Path, *names: str) -> list[str]:
    """Return those of these runs that are waiting, in the order of the queue."""
    places = {name: place.place for name in names if (place := find_place(runs / name)) is not None}
    assert sorted(places.values()) == list(range(1, len(places) + 1))
    return sorted(places, key=lambda name: places[name])


def test_runs_start_one_after_the_other_in_the_order_of_the_queue(runs: Path) -> None:
    assert is_device_free(runs, "cpu")
    first, second, third = (add(runs, name) for name in ("first", "second", "third"))
    assert not is_device_free(runs, "cpu")
    assert find_place(runs / "first") is None, "it has started"
    assert find_place(runs / "second") == QueuePlace(device="cpu", place=1, length=2, training=("first",))
    assert find_place(runs / "third") == QueuePlace(device="cpu", place=2, length=2, training=("first",))
    assert (first.try_start(), second.try_start(), third.try_start()) == (True, False, False)
    first.remove()
    assert (third.try_start(), second.try_start()) == (False, True), "the second run is before the third"
    assert find_place(runs / "third") == QueuePlace(device="cpu", place=1, length=1, training=("second",))
    second.remove()
    assert third.try_start()
    third.remove()
    assert is_device_free(runs, "cpu")


def test_a_killed_trainer_frees_the_device_and_its_place(runs: Path) -> None:
    training = run_python(ADD, str(runs / "training"))
    assert read_line(training) == "True"
    waiting = run_python(ADD, str(runs / "killed"))
    assert read_line(waiting) == "False"
    last = add(runs, "last")
    kill(waiting)
    assert not last.try_start()
    assert find_place(runs / "last") == QueuePlace(device="cpu", place=1, length=1, training=("training",))
    kill(training)
    assert last.try_start()


def test_a_trainer_that_was_killed_can_be_started_again(runs: Path) -> None:
    killed = run_python(ADD, str(runs / "run"))
    read_line(killed)
    kill(killed)
    entry = add(runs, "run", "gpu-1")
    assert entry.try_start()
    assert is_device_free(runs, "cpu"), "its earlier entry is removed, although it is for another device"


def test_a_run_without_the_queue_starts_at_once_but_others_wait_for_it(runs: Path) -> None:
    queued, direct, waiting = add(runs, "queued"), add(runs, "direct", waits=False), add(runs, "waiting")
    assert direct.try_start()
    queued.remove()
    assert not waiting.try_start()
    direct.remove()
    assert waiting.try_start()


def test_devices_and_hosts_are_independent(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [add(runs, "a", "cpu"), add(runs, "b", "gpu-1"), add(runs, "c", "gpu-2")]
    monkeypatch.setattr(queue, "host_name", lambda: "another host")
    entries.append(add(runs, "d", "cpu"))
    assert all(entry.try_start() for entry in entries)
    assert len(list((runs / ".queue").iterdir())) == 4


def test_moving_a_run_changes_which_one_starts(runs: Path) -> None:
    names = ("a", "b", "c", "d")
    training, *waiting = [add(runs, name) for name in ("training", *names)]
    assert move(runs / "d", -1).place == 3
    assert order(runs, *names) == ["a", "b", "d", "c"]
    assert move(runs / "a", 2).place == 3
    assert order(runs, *names) == ["b", "d", "a", "c"]
    assert move(runs / "c", 1).place == 4, "it is the last one already"
    assert move(runs / "b", -5).place == 1, "it is the first one already"
    training.remove()
    started = []
    for _ in names:
        for name, entry in zip(names, waiting, strict=True):
            if name not in started and entry.try_start():
                started.append(name)
                entry.remove()
    assert started == ["b", "d", "a", "c"]


def test_only_a_waiting_run_can_be_moved(runs: Path) -> None:
    entry = add(runs, "run")
    for name in ("run", "unknown"):
        with pytest.raises(UserError, match=f"{name!r} isn't in the queue"):
            move(runs / name, 1)
    entry.remove()


def test_after_an_interrupted_move_all_trainers_still_agree(runs: Path) -> None:
    """A process that moves a run is killed after it has renamed one of two entries."""
    training, x, y = (add(runs, name) for name in ("training", "x", "y"))
    folder = runs / ".queue" / f"{host_name()}-cpu"
    (entry_x,) = folder.glob("waiting-*-x")
    (entry_y,) = folder.glob("waiting-*-y")
    entry_y.rename(folder / entry_x.name.replace("-x", "-y"))
    assert order(runs, "x", "y") == ["x", "y"], "the id decides"
    assert move(runs / "x", 1).place == 2
    assert order(runs, "x", "y") == ["y", "x"]
    training.remove()
    assert (x.try_start(), y.try_start()) == (False, True)


def test_runs_keep_their_order_if_the_folder_is_deleted(runs: Path) -> None:
    training, a, b = (add(runs, name) for name in ("training", "a", "b"))
    move(runs / "b", -1)
    assert not b.try_start()
    for path in sorted((runs / ".queue").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    assert b.try_start(), "nothing shows that another run trains"
    assert not a.try_start()
    training.remove()
    assert find_place(runs / "a") == QueuePlace(device="cpu", place=1, length=1, training=("b",))


def test_two_runs_never_train_at_the_same_time(runs: Path) -> None:
    """Many trainers join, check, leave and are moved at random times."""
    training: list[str] = []
    overlaps: list[str] = []

    def train(name: str) -> None:
        generator = random.Random(name)
        for _ in range(5):
            entry = add(runs, name)
            while not entry.try_start():
                if generator.random() < 0.2 and find_place(runs / name) is not None:
                    try:
                        move(runs / name, generator.choice([-1, 1]))
                    except UserError as error:  # it has just left
                        overlaps.append(str(error))
            training.append(name)
            overlaps.extend(training if len(training) > 1 else [])
            training.remove(name)
            entry.remove()

    threads = [threading.Thread(target=train, args=(f"run-{index}",)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not overlaps
    assert is_device_free(runs, "cpu")


def test_users_who_share_the_runs_folder_share_its_queue(runs: Path) -> None:
    runs.chmod(0o770)
    umask = os.umask(0o077)
    try:
        add(runs, "run")
    finally:
        os.umask(umask)
    folder = runs / ".queue" / f"{host_name()}-cpu"
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder.parent, folder, *folder.iterdir())]
    assert modes == [0o770, 0o770, 0o660]


def test_a_child_process_does_not_keep_the_device(runs: Path) -> None:
    """For example, a data loader's worker may outlive its killed trainer."""
    trainer = run_python(FORK, str(runs / "run"))
    assert read_line(trainer) == "forked"
    os.kill(trainer.pid, signal.SIGKILL)
    trainer.wait()
    assert add(runs, "next").try_start()
    trainer.communicate()


def test_after_a_reboot_a_queued_run_is_lost_and_its_entry_does_not_count(runs: Path) -> None:
    with make_run(runs) as run:
        training = run_python(ADD, str(runs / "training"))
        assert read_line(training) == "True"
        waiting = run_python(ADD, str(run.path))
        assert read_line(waiting) == "False"
        status = run.read_status()
        run.write_status(
            msgspec.structs.replace(status, state="queued", heartbeat=status.heartbeat - 60, pid=1, boot_id="earlier")
        )
        kill(training)
        kill(waiting)
        assert (summarise(run).state, summarise(run).queue_place) == ("lost", None)
        assert add(runs, "next").try_start()
