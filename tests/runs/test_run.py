"""Even if a run's directory comes from an untrusted source, no file outside it is read or changed."""

import copy
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import msgspec
import pytest

from fashion_tui.runs import launch, requests, state
from fashion_tui.runs.errors import DamagedRun
from fashion_tui.runs.folder import Folder, UnsafeFile
from fashion_tui.runs.layout import MAX_BYTES
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import list_runs, open_run, prune, summarise
from fashion_tui.schema.errors import UserError

from .parts import make_run, steps

FILES = ("config.json", "status.json", "events.jsonl", "trainer.log", "run.lock")
FOLDERS = ("control", "checkpoints")
SECRET = b"precious " * 100


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A folder outside the run, with files that must not change."""
    folder = tmp_path / "victim"
    folder.mkdir()
    (folder / "file").write_bytes(SECRET)
    (folder / "00000000000000000001-00000000.stop").write_bytes(SECRET)
    (folder / "step-1.pt").write_bytes(SECRET)
    (folder / ".left.tmp").write_bytes(SECRET)
    return folder


def unchanged(victim: Path) -> bool:
    return all(file.read_bytes() == SECRET for file in victim.iterdir()) and len(list(victim.iterdir())) == 4


def use_everything(run: Run) -> list[str]:
    """Do everything that users and trainers do with a run, and return the errors."""
    errors: list[str] = []

    def save() -> None:
        def write(file: BinaryIO) -> None:
            file.write(b"weights")

        run.checkpoints.save(write, step=1, epoch=0)

    def write_events() -> None:
        writer = run.event_writer()
        writer.write(steps(1, 10))
        writer.close()

    def finish_requests() -> None:
        for request in run.control.pending():
            run.control.finish(request)

    def lock() -> None:
        with run.lock():
            run.control.clear()

    actions: tuple[Callable[[], object], ...] = (
        lambda: run.config,
        run.read_status,
        run.is_live,
        lock,
        write_events,
        save,
        lambda: run.control.request("stop"),
        finish_requests,
        run.control.clear,
        lambda: os.close(run.open_log()),
        run.last_log_line,
        run.last_event,
        run.lock_holder,
        run.folder.remove_temporary_files,
        lambda: run.checkpoints.latest(errors.append),
        run.checkpoints.steps,
        lambda: prune(run),
        lambda: launch.launch(run),
        lambda: launch.resume(run),
        lambda: requests.stop(run, timeout=0.1),
        lambda: run.write_status(msgspec.structs.replace(run.read_status(), state="stopped")),
    )
    for action in actions:
        try:
            action()
        except (UserError, OSError) as error:
            errors.append(str(error))
    assert not any("\n" in error for error in errors)
    return errors


@pytest.fixture(autouse=True)
def no_trainer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Launch a program that ends at once, and wait only briefly for it to take the lock."""
    monkeypatch.setattr(launch, "TRAINER", ("true",))
    monkeypatch.setattr(state, "HEARTBEAT_LIMIT", 0.1)


@pytest.mark.parametrize("name", FILES)
def test_linked_files_are_neither_read_nor_written(run: Run, victim: Path, name: str) -> None:
    (run.path / name).unlink(missing_ok=True)
    (run.path / name).symlink_to(victim / "file")
    assert f"{name} can't be" in (summarise(run).damage or "")
    assert "it is a symbolic link" in (RunReader(run).poll().damage or "")
    with pytest.raises(DamagedRun, match=r"is damaged: .*symbolic link"):
        launch.launch(Run(run.path))
    errors = use_everything(Run(run.path))
    assert any("symbolic link" in error for error in errors)
    assert unchanged(victim)


@pytest.mark.parametrize("name", FOLDERS)
def test_linked_folders_are_not_entered(run: Run, victim: Path, name: str) -> None:
    (run.path / name).rmdir()
    (run.path / name).symlink_to(victim, target_is_directory=True)
    assert f"{name} can't be opened: it is a symbolic link" in (summarise(run).damage or "")
    errors = use_everything(run)
    assert any(f"{name} can't be opened: it is a symbolic link" in error for error in errors)
    assert unchanged(victim)


def test_a_damaged_run_is_opened_by_its_id_and_prune_leaves_it_alone(run: Run, victim: Path) -> None:
    (run.path / "run.lock").symlink_to(victim / "file")
    with open_run(run.path.parent, run.id) as opened, pytest.raises(DamagedRun, match=r"run\.lock"):
        prune(opened)
    assert unchanged(victim)


@pytest.mark.parametrize("name", ["events.jsonl", "trainer.log", "run.lock"])
def test_hard_links_are_not_written(run: Run, victim: Path, name: str) -> None:
    (run.path / name).hardlink_to(victim / "file")
    use_everything(run)
    assert unchanged(victim)


def test_a_dangling_link_creates_no_file(run: Run, tmp_path: Path) -> None:
    for name in ("events.jsonl", "trainer.log", "run.lock"):
        (run.path / name).symlink_to(tmp_path / "created")
    use_everything(run)
    assert not (tmp_path / "created").exists()


def test_replacing_a_file_replaces_a_link_itself(run: Run, victim: Path) -> None:
    status = run.read_status()
    (run.path / "status.json").unlink()
    (run.path / "status.json").symlink_to(victim / "file")
    run.write_status(status)
    assert unchanged(victim)
    assert not (run.path / "status.json").is_symlink()


def test_the_run_directory_itself_may_be_a_link(run: Run, tmp_path: Path) -> None:
    (tmp_path / "linked").mkdir()
    link = tmp_path / "linked" / run.id
    link.symlink_to(run.path)
    with Run(link) as linked:
        assert linked.config == run.config
        linked.event_writer().write(steps(1, 10))
    assert [summary.damage for summary in list_runs(link.parent)] == [None]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", FILES)
def test_pipes_are_damage_and_never_waited_for(run: Run, name: str) -> None:
    (run.path / name).unlink(missing_ok=True)
    os.mkfifo(run.path / name)
    assert "not a regular file" in (summarise(run).damage or "")
    assert any("not a regular file" in error for error in use_everything(Run(run.path)))


@pytest.mark.parametrize("name", FOLDERS)
def test_a_file_instead_of_a_folder_is_damage(run: Run, name: str) -> None:
    (run.path / name).rmdir()
    (run.path / name).write_bytes(b"")
    assert f"{name} can't be opened: it is not a directory" in (summarise(run).damage or "")
    use_everything(run)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", FILES)
def test_oversized_files_are_damage_and_not_read(run: Run, name: str) -> None:
    """The files are sparse. Reading one of them would take minutes and use all memory."""
    (run.path / name).touch()
    os.truncate(run.path / name, MAX_BYTES[name] + 1)
    assert "is larger than" in (summarise(run).damage or "")
    assert "is larger than" in (RunReader(run).poll().damage or "")
    assert any("is larger than" in error for error in use_everything(Run(run.path)))


def test_a_file_that_grows_while_it_is_read_is_limited(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"." * 100)
    with Folder.open(tmp_path) as folder:
        assert folder.read("file", 100) == b"." * 100
        with pytest.raises(UnsafeFile, match="larger than 99"):
            folder.read("file", 99)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can change the owner of files")
@pytest.mark.parametrize("name", [*FILES, *FOLDERS])
def test_files_of_other_users_are_damage(run: Run, name: str) -> None:
    if not (run.path / name).exists():
        (run.path / name).touch()
    os.chown(run.path / name, 12345, 12345)
    assert "it belongs to user 12345" in (summarise(run).damage or "")
    assert any("it belongs to user 12345" in error for error in use_everything(Run(run.path)))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can change the owner of files")
def test_files_may_belong_to_the_owner_of_the_directory(run: Run) -> None:
    run.event_writer().write(steps(1, 10))
    for path in [run.path, *run.path.rglob("*")]:
        os.chown(path, 12345, 12345)
    with Run(run.path) as opened:
        assert summarise(opened).damage is None
        assert RunReader(opened).poll().curve("loss").steps == 10


def test_names_cannot_leave_the_folder(run: Run) -> None:
    with pytest.raises(ValueError, match="single path component"):
        run.folder.read("../file", 100)


def test_a_run_that_cannot_be_opened_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(DamagedRun, match="'gone' is damaged: its directory is gone"):
        Run(tmp_path / "gone")


def test_an_open_folder_is_not_copied(tmp_path: Path) -> None:
    """The copy would close the descriptor of the original."""
    with Folder.open(tmp_path) as folder:
        for copied in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(TypeError, match="Folder"):
                copied(folder)
        assert not folder.is_removed


def test_closing_twice_does_nothing(run: Run) -> None:
    run.close()
    run.close()


def test_a_reader_finds_a_directory_that_was_replaced(runs_dir: Path) -> None:
    run = make_run(runs_dir)
    reader = RunReader(run)
    reader.poll()
    other = make_run(runs_dir.parent / "others")
    other.event_writer().write(steps(1, 10))
    for path in (run.path / "control", run.path / "checkpoints"):
        path.rmdir()
    for path in run.path.iterdir():
        path.unlink()
    run.path.rmdir()
    assert reader.poll().damage
    other.path.rename(run.path)
    assert reader.poll().damage is None
