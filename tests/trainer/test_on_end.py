"""On-end commands: their environment variables, and that their failures don't affect the run."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from fashion_tui.runs import on_end
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import summarise
from fashion_tui.runs.trash import trash_folder
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.events import Failed, Finished, Warned
from fashion_tui.settings import UserSettings
from fashion_tui.trainer.on_end import run_command
from tests.runs.parts import PROJECT, make_run, wait_until

from .in_process import BLACK, train_in_process
from .trainers import events

RECORD = 'env | grep ^FASHION_TUI_ | sort > "$FASHION_TUI_RUNS/reported"; pwd >> "$FASHION_TUI_RUNS/reported"'
"""A command that writes its environment variables into the runs folder."""


USE_RUN_AND_DEVICE = """
import os
from pathlib import Path
from fashion_tui.runs.queue import is_device_free
from fashion_tui.runs.run import Run
from fashion_tui.runs.trash import delete
runs = Path(os.environ["FASHION_TUI_RUNS"])
assert is_device_free(runs, "cpu")
delete(Run(runs / os.environ["FASHION_TUI_RUN"]), runs)
"""
"""A program that deletes the run, after checking that a queued run could start."""


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with make_run(tmp_path / "runs") as run:
        yield run


def reported(run: Run) -> tuple[dict[str, str], str]:
    """Return the variables that the command was given, and its working directory."""
    *variables, directory = (run.path.parent / "reported").read_text().splitlines()
    return dict(line.split("=", 1) for line in variables if not line.startswith("FASHION_TUI_DATA")), directory


def test_the_result_is_reported_to_the_command(run: Run, tmp_path: Path) -> None:
    on_end.remember(run, RECORD, tmp_path)
    train_in_process(run, images=BLACK[:64], epochs=1)
    status = run.read_status()
    assert status.test_accuracy is not None
    assert reported(run) == (
        {
            "FASHION_TUI_RUN": run.id,
            "FASHION_TUI_NAME": run.id.split("-", 2)[2],
            "FASHION_TUI_RUNS": str(run.path.parent),
            "FASHION_TUI_STATE": "finished",
            "FASHION_TUI_ACCURACY": f"{status.test_accuracy:.4f}",
            "FASHION_TUI_STEP": "2",
            "FASHION_TUI_SECONDS": "0",
            "FASHION_TUI_MESSAGE": "",
        },
        str(tmp_path),
    )
    assert isinstance(events(run)[-1], Finished)


def test_the_reason_of_a_failure_is_reported_to_the_command(tmp_path: Path) -> None:
    """Training on 8 of 64 images fails, because none are left. The command also runs after the run is resumed."""
    with make_run(tmp_path / "runs", validation=64) as run:
        on_end.remember(run, RECORD, tmp_path)
        for _ in range(2):
            train_in_process(run, images=BLACK[:64], epochs=1, status=1)
            (failed,) = [event for event in events(run) if isinstance(event, Failed)][-1:]
            variables, _ = reported(run)
            assert (variables["FASHION_TUI_STATE"], variables["FASHION_TUI_ACCURACY"]) == ("failed", "")
            assert variables["FASHION_TUI_MESSAGE"] == failed.message != ""
            (run.path.parent / "reported").unlink()


def test_the_command_may_delete_the_run_and_use_its_device(run: Run) -> None:
    on_end.remember(run, f"{sys.executable} -c '{USE_RUN_AND_DEVICE}'", PROJECT)
    train_in_process(run, images=BLACK[:64], epochs=1)
    assert not run.path.exists()
    assert isinstance(events(run)[-1], Finished)
    assert not run.is_locked()
    assert (trash_folder(run.path.parent) / run.id).is_dir()


def test_a_failure_is_not_reported_in_a_run_that_the_command_has_resumed(run: Run, tmp_path: Path) -> None:
    """The log and the status are the new trainer's, and so is the lock while that trainer lives."""
    on_end.remember(run, "exit 3", tmp_path)
    status = run.read_status()
    resumed = msgspec.structs.replace(status, state="running", pid=2)
    run.write_status(resumed)
    run_command(run, status)
    assert (run.read_status(), events(run)) == (resumed, [])


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("exit 3", "exit status 3"),
        ("kill -TERM $$", "SIGTERM"),
        ("kill -40 $$", "signal 40"),
        ("no-such-command", "exit status 127"),
        ("a\0b", "null byte"),
    ],
)
def test_a_failing_command_is_a_warning_and_the_run_is_finished(
    run: Run, tmp_path: Path, command: str, problem: str
) -> None:
    on_end.remember(run, command, tmp_path)
    status = msgspec.structs.replace(run.read_status(), state="finished", test_accuracy=0.5)
    run.write_status(status)
    run_command(run, status)
    (warning,) = events(run)
    assert isinstance(warning, Warned)
    assert problem in warning.message
    summary = summarise(run)
    assert (summary.state, summary.test_accuracy, summary.message) == ("finished", 0.5, warning.message)


def test_the_reason_of_a_failed_run_is_kept(run: Run, tmp_path: Path) -> None:
    on_end.remember(run, "exit 3", tmp_path)
    status = msgspec.structs.replace(run.read_status(), state="failed", message="the loss is nan")
    run.write_status(status)
    run_command(run, status)
    assert summarise(run).message == "the loss is nan"
    assert isinstance(events(run)[-1], Warned)


def test_a_command_that_takes_too_long_is_killed_with_its_children(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_end, "TIME_LIMIT", 1.0)
    on_end.remember(run, f"sleep 500 & echo $! > {tmp_path}/child; wait", tmp_path)
    started = time.monotonic()
    run_command(run, run.read_status())
    assert time.monotonic() - started < 400
    child = int((tmp_path / "child").read_text())
    wait_until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)
    (warning,) = events(run)
    assert isinstance(warning, Warned)
    assert "more than 1 s" in warning.message


def test_a_missing_directory_is_a_warning(run: Run, tmp_path: Path) -> None:
    on_end.remember(run, "true", tmp_path / "gone")
    run_command(run, run.read_status())
    (warning,) = events(run)
    assert isinstance(warning, Warned)
    assert repr(str(tmp_path / "gone")) in warning.message


def test_a_run_from_someone_else_never_chooses_a_command(run: Run, tmp_path: Path) -> None:
    """The configuration of such a run may contain the path of a file that came with it instead of an id."""
    file = tmp_path / "command.json"
    file.write_bytes(msgspec.json.encode(on_end.Command(command=RECORD, directory="/", path="")))
    file.chmod(0o600)
    for identity in (str(tmp_path / "command"), os.path.relpath(tmp_path / "command", on_end.commands_folder())):
        config = msgspec.json.decode((run.path / "config.json").read_bytes())
        (run.path / "config.json").write_bytes(msgspec.json.encode(config | {"run": identity}))
        with Run(run.path) as opened:
            assert opened.config.run == identity
            assert on_end.recall(opened) is None


def test_a_command_that_others_can_change_is_not_run(run: Run, tmp_path: Path) -> None:
    on_end.remember(run, RECORD, tmp_path)
    (file,) = [file for file in on_end.commands_folder().iterdir() if run.id.encode() in file.read_bytes()]
    file.chmod(0o666)
    with pytest.raises(UserError, match="others can write to it"):
        on_end.recall(run)


def test_commands_of_deleted_runs_are_removed_after_a_month(run: Run, tmp_path: Path) -> None:
    with make_run(tmp_path / "runs") as deleted, make_run(tmp_path / "runs") as kept:
        for old in (deleted, kept):
            on_end.remember(old, "true", tmp_path)
        month_ago = time.time() - 31 * 86400
        for file in on_end.commands_folder().iterdir():
            os.utime(file, (month_ago, month_ago))
        deleted.path.rename(tmp_path / "deleted")
        on_end.remember(run, "true", tmp_path)
        assert on_end.recall(deleted) is None
        assert on_end.recall(kept) is not None


def test_the_command_of_a_new_run_is_the_given_one_or_that_of_the_settings(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(on_end, "user_settings", lambda: UserSettings(on_end="from settings"))
    assert on_end.choose(run, "") is None
    assert on_end.recall(run) is None
    assert on_end.choose(run, None) is None
    assert on_end.recall(run) == on_end.Command(command="from settings", directory=str(Path.home()), path=str(run.path))
    assert on_end.choose(run, "given") is None
    assert on_end.recall(run) == on_end.Command(command="given", directory=str(tmp_path), path=str(run.path))
