"""Trainers are independent of their launcher, handle requests, and lose nothing when they are killed."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import psutil
import pytest

from fashion_tui.machine.host import boot_id, host_name
from fashion_tui.runs import launch as launching
from fashion_tui.runs.launch import launch, resume
from fashion_tui.runs.lock import LockHeld
from fashion_tui.runs.reader import RunReader, RunSnapshot
from fashion_tui.runs.requests import checkpoint, pause, stop
from fashion_tui.runs.run import LOG_MARK, Run
from fashion_tui.runs.store import list_runs
from fashion_tui.schema.errors import UsageError, UserError

from .parts import toy_loss, wait_until

LAUNCH_AND_WAIT = """
import sys
from pathlib import Path
from fashion_tui.runs import launch
from fashion_tui.runs.run import Run
from tests.runs.parts import TOY_TRAINER
launch.TRAINER = TOY_TRAINER
print(launch.launch(Run(Path(sys.argv[1]))))
sys.stdin.readline()
"""


def train_to(reader: RunReader, step: int) -> RunSnapshot:
    wait_until(lambda: reader.poll().curve("loss").steps >= step)
    return reader.poll()


def wait_for(run: Run, state: str) -> None:
    wait_until(lambda: list_runs(run.path.parent)[0].state == state)


def kill_trainer(run: Run) -> None:
    wait_until(lambda: run.lock_holder() is not None)
    holder = run.lock_holder()
    assert holder is not None
    os.kill(holder.pid, signal.SIGKILL)
    wait_until(lambda: not run.is_locked())


def test_a_run_from_start_to_end(toy: Run) -> None:
    pid = launch(toy)
    reader = RunReader(toy)
    assert reader.poll().state in {"starting", "running"}
    train_to(reader, 590)
    while (snapshot := reader.poll()).state != "finished":
        pass
    assert snapshot.end is not None, "a snapshot with the state `finished` also has the final event"
    assert (snapshot.state, snapshot.damage, snapshot.notice) == ("finished", None, None)
    assert snapshot.started is not None
    assert snapshot.started.pid == pid
    assert reader.series("loss").values() == tuple(toy_loss(step) for step in range(1, 601))
    assert [epoch.epoch for epoch in snapshot.epochs] == [1, 2, 3]


def test_a_trainer_is_independent_of_its_launcher_and_terminal(toy: Run) -> None:
    pid = launch(toy)
    files = {"trainer.log", "events.jsonl", "run.lock"}
    wait_until(lambda: files <= {Path(file.path).name for file in psutil.Process(pid).open_files()})
    assert os.getsid(pid) == pid
    assert Path(f"/proc/{pid}/fd/0").readlink() == Path("/dev/null") if sys.platform == "linux" else True
    assert psutil.Process(pid).cwd() == str(toy.path)


def test_a_trainer_outlives_its_launcher(toy: Run) -> None:
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCH_AND_WAIT, str(toy.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert launcher.stdout is not None
    launcher.stdout.readline()
    wait_until(toy.is_locked)
    os.killpg(launcher.pid, signal.SIGHUP)
    launcher.communicate()
    train_to(RunReader(toy), 50)
    assert toy.is_locked()


def test_a_running_launcher_keeps_no_zombie(toy: Run) -> None:
    pid = launch(toy)
    wait_until(toy.is_locked)
    kill_trainer(toy)
    wait_until(lambda: not psutil.pid_exists(pid))


def test_a_second_trainer_is_refused(toy: Run) -> None:
    launch(toy, epochs=1000)
    wait_until(toy.is_locked)
    with pytest.raises(LockHeld, match="is in use by process"):
        launch(toy)
    second = subprocess.run([*launching.TRAINER, str(toy.path)], capture_output=True, text=True, check=False)
    assert second.returncode != 0
    assert "is in use by process" in second.stderr


def test_pause_resume_checkpoint_stop(toy: Run) -> None:
    launch(toy, epochs=1000)
    reader = RunReader(toy)
    train_to(reader, 20)
    paused = pause(toy)
    assert (paused.run, paused.state) == (toy.id, "paused")
    assert pause(toy).state == "paused"
    step = toy.read_status().step
    saved = checkpoint(toy)
    assert (saved.state, saved.pid, saved.from_step) == ("paused", paused.pid, step)
    newest = toy.checkpoints.latest()
    assert newest is not None
    assert newest.step == step
    went_on = resume(toy)
    assert (went_on.state, went_on.pid) == ("running", paused.pid)
    train_to(reader, step + 20)
    stopped = stop(toy)
    assert (stopped.state, stopped.pid) == ("stopped", None)
    assert stop(toy) == stopped
    snapshot = reader.poll()
    assert stopped.from_step == snapshot.curve("loss").steps
    for action in (pause, checkpoint):
        with pytest.raises(UserError, match="is stopped; only a live run"):
            action(toy)
    again = resume(toy)
    assert (again.state, again.from_step) == ("starting", stopped.from_step)
    snapshot = train_to(reader, stopped.from_step + 20)
    assert snapshot.status.epochs == 1000, "the requested number of epochs is kept"
    stop(toy)


def test_a_checkpoint_that_cannot_be_written_is_reported(toy: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_EVERY", "1000000")
    launch(toy, epochs=1000)
    train_to(RunReader(toy), 20)
    pause(toy)
    (toy.path / "checkpoints").rmdir()
    (toy.path / "checkpoints").write_text("a file instead of the folder")
    with pytest.raises(UserError, match="couldn't checkpoint: no checkpoint: "):
        checkpoint(toy)
    assert toy.is_locked()


def test_resuming_a_running_run_changes_nothing(toy: Run) -> None:
    pid = launch(toy, epochs=1000)
    train_to(RunReader(toy), 20)
    outcome = resume(toy)
    assert (outcome.state, outcome.pid) == ("running", pid)
    assert resume(toy, epochs=1000).pid == pid
    with pytest.raises(UserError, match="is training 1000 epochs"):
        resume(toy, epochs=5)
    assert toy.is_locked()


def test_resuming_a_run_that_was_just_launched_starts_no_second_trainer(toy: Run) -> None:
    launch(toy)
    assert resume(toy).state in {"starting", "running"}


def test_a_finished_run_is_only_resumed_for_more_epochs(toy: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_STEPS", "20")
    launch(toy)
    wait_for(toy, "finished")
    wait_until(lambda: not toy.is_locked())
    for epochs in (None, 2, 3):
        outcome = resume(toy, epochs=epochs)
        assert (outcome.state, outcome.from_step, outcome.pid) == ("finished", 60, None)
    assert not toy.is_locked()
    outcome = resume(toy, epochs=5)
    assert (outcome.state, outcome.from_step) == ("starting", 60)
    reader = RunReader(toy)
    train_to(reader, 100)
    wait_for(toy, "finished")
    assert reader.series("loss").values() == tuple(toy_loss(step) for step in range(1, 101))
    assert reader.poll().status.epochs == 5
    for impossible in (0, 10**20):
        with pytest.raises(UsageError, match=f"epochs is {impossible}"):
            resume(toy, epochs=impossible)


def test_fewer_epochs_than_are_begun_are_refused(toy: Run) -> None:
    launch(toy)
    train_to(RunReader(toy), 210)
    assert 210 <= stop(toy).from_step < 400
    with pytest.raises(UserError, match=r"at least 2$"):
        resume(toy, epochs=1)
    resume(toy, epochs=2)
    wait_for(toy, "finished")
    wait_until(lambda: not toy.is_locked())
    assert resume(toy, epochs=1).from_step == 400
    toy.write_status(msgspec.structs.replace(toy.read_status(), state="stopped"))
    with pytest.raises(UserError, match=r"at least 2$"):
        resume(toy, epochs=1)
    assert resume(toy, epochs=2).from_step == 400, "an epoch that is complete is not begun again"


def test_a_killed_run_can_be_resumed_at_once(toy: Run) -> None:
    """The heartbeat of the killed trainer is still recent."""
    launch(toy)
    train_to(RunReader(toy), 60)
    kill_trainer(toy)
    with pytest.raises(UserError, match="is lost; only a live run"):
        pause(toy)
    assert stop(toy).state == "lost"
    outcome = resume(toy)
    assert (outcome.state, outcome.from_step >= 40) == ("starting", True)


def test_a_run_whose_trainer_died_at_once_can_be_resumed_at_once(toy: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    toy_trainer = launching.TRAINER
    monkeypatch.setattr(launching, "TRAINER", (sys.executable, "-c", "pass"))
    pid = launch(toy)
    wait_until(lambda: not psutil.pid_exists(pid))
    monkeypatch.setattr(launching, "TRAINER", toy_trainer)
    outcome = resume(toy)
    assert (outcome.state, outcome.pid not in {None, pid}) == ("starting", True)
    train_to(RunReader(toy), 20)


def test_a_run_whose_trainer_died_while_starting_can_be_resumed_at_once(toy: Run) -> None:
    gone = subprocess.Popen([sys.executable, "-c", "pass"])
    status = msgspec.structs.replace(
        toy.read_status(),
        state="starting",
        heartbeat=time.time(),
        pid=gone.pid,
        pid_started=psutil.Process(gone.pid).create_time(),
        boot_id=boot_id(),
        host=host_name(),
    )
    gone.wait()
    toy.write_status(status)
    (toy.path / "trainer.log").touch()
    assert stop(toy).state == "lost"
    assert resume(toy).state == "starting"
    train_to(RunReader(toy), 20)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ('"threads": 0', "threads is 0; it must be between 1"),
        ('"seed": -1', "seed is -1; it must be between 0"),
        ('"weight_decay": -1.0', "weight decay is -1.0; it must be 0 or more"),
        ('"learning_rate": -1.0', "learning rate is -1.0; it must be a positive number"),
    ],
)
def test_an_invalid_edited_value_starts_no_trainer(toy: Run, value: str, message: str) -> None:
    config = toy.path / "config.json"
    name = value.split(":", maxsplit=1)[0]
    edited, count = re.subn(rf"{name}: *[-\d.e]+", value, config.read_text())
    assert count == 1
    config.write_text(edited)
    with pytest.raises(UserError, match=rf"is damaged: config\.json: {re.escape(message)}"):
        launch(Run(toy.path))
    assert not (toy.path / "trainer.log").exists()


def test_requests_to_an_earlier_trainer_are_not_handled_by_the_next(toy: Run) -> None:
    launch(toy)
    train_to(RunReader(toy), 20)
    pause(toy)
    kill_trainer(toy)
    toy.control.request("stop")
    resume(toy)
    train_to(RunReader(toy), 300)


def test_kills_at_any_time_lose_no_step(toy: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader follows the run while its trainers are killed at random times, some of them while writing a file."""
    monkeypatch.setenv("TOY_EVERY", "10")
    rng = random.Random(11)
    watcher = RunReader(toy)
    launch(toy)
    for _ in range(8):
        wait_until(toy.is_locked)
        goal = watcher.poll().curve("loss").steps + rng.randrange(30)
        wait_until(lambda goal=goal: watcher.poll().curve("loss").steps >= goal or not toy.is_locked())  # type: ignore[misc]
        if not toy.is_locked():
            break
        time.sleep(rng.random() / 100)
        kill_trainer(toy)
        watcher.poll()
        resume(toy)
    wait_for(toy, "finished")
    for reader in (watcher, RunReader(toy)):
        snapshot = reader.poll()
        assert reader.series("loss").values() == tuple(toy_loss(step) for step in range(1, 601))
        assert (snapshot.state, snapshot.damage) == ("finished", None)
        assert [epoch.epoch for epoch in snapshot.epochs] == [1, 2, 3]


def test_the_last_line_of_the_log_says_why_a_trainer_did_not_start(toy: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert toy.last_log_line() is None
    monkeypatch.setattr(launching, "TRAINER", (sys.executable, "-m", "no_such_module_at_all"))
    launch(toy)
    wait_until(lambda: toy.last_log_line() is not None)
    assert "No module named no_such_module_at_all" in (toy.last_log_line() or "")
    (toy.path / "trainer.log").open("a").write("\x1b[31mred\n" + LOG_MARK + " now\n")
    assert toy.last_log_line() is None


def test_an_unreadable_run_is_not_started(toy: Run) -> None:
    (toy.path / "config.json").write_text("")
    with pytest.raises(UserError, match=r"is damaged: config\.json is empty"):
        resume(Run(toy.path))
    assert not (toy.path / "trainer.log").exists()


def test_temporary_files_of_killed_trainers_are_removed(toy: Run) -> None:
    (toy.path / ".status.json.1234abcd.tmp").write_text("{")
    launch(toy)
    wait_until(toy.is_locked)
    assert not (toy.path / ".status.json.1234abcd.tmp").exists()
