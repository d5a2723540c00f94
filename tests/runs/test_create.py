"""Creating runs: a directory appears complete or not at all."""

import math
import shutil
import subprocess
import time
from itertools import chain
from pathlib import Path

import msgspec
import pytest

from fashion_tui.runs import create
from fashion_tui.runs.folder import Folder
from fashion_tui.schema.builtin_recipes import GUIDE
from fashion_tui.schema.errors import UsageError, UserError
from tests.disk_calls import calls_of_a_write, recorded_disk_calls

from .parts import make_run


def test_a_new_run_has_its_configuration_and_status(runs_dir: Path) -> None:
    run = make_run(runs_dir, seed=2**63 - 1, checkpoint_every=0.5, name="Été à Paris!")
    assert run.path.parent == runs_dir
    assert run.config.run == run.id
    assert "-ete-a-paris-" in run.id
    assert (run.config.seed, run.config.checkpoint_every, run.config.recipe) == (2**63 - 1, 0.5, GUIDE)
    assert {"python", "fashion-tui", "torch", "torchvision"} == set(run.config.versions)
    status = run.read_status()
    assert (status.state, status.step, status.epochs, status.pid) == ("starting", 0, 3, None)
    assert abs(status.heartbeat - time.time()) < 5
    assert run.path.stat().st_mode & 0o777 == 0o700
    assert {entry.name for entry in run.path.iterdir()} == {"config.json", "status.json", "checkpoints", "control"}
    assert [entry.name for entry in runs_dir.iterdir()] == [run.id]


def test_a_new_run_is_complete_on_disk_before_it_has_its_id(runs_dir: Path) -> None:
    with recorded_disk_calls() as calls:
        run = make_run(runs_dir)
    files = [calls_of_a_write(run.path / name, folder=".new") for name in ("status.json", "config.json")]
    assert calls == [*chain(*files), f"rename {run.id}", "sync runs"]


def test_missing_parents_of_the_runs_folder_are_private(tmp_path: Path) -> None:
    make_run(tmp_path / "state" / "fashion-tui" / "runs")
    for folder in ("state", "state/fashion-tui", "state/fashion-tui/runs"):
        assert (tmp_path / folder).stat().st_mode & 0o777 == 0o700


def test_runs_created_within_one_second_have_different_ids(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(create, "RANDOM_ALPHABET", "ab")
    assert len({make_run(runs_dir).id for _ in range(6)}) == 6


@pytest.mark.skipif(shutil.which("git") is None, reason="needs Git")
def test_the_git_revision_is_that_of_the_checkout(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(runs_dir), "-c", "user.name=n", "-c", "user.email=e", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    runs_dir.mkdir()
    git("init")
    git("commit", "--allow-empty", "--message", "first")
    for folder, revision in ((runs_dir, git("rev-parse", "HEAD")), (runs_dir / "installed", None)):
        monkeypatch.setattr(create, "__file__", str(folder / "fashion_tui" / "runs" / "create.py"))
        (folder / "runs").mkdir(parents=True)
        assert make_run(folder / "runs").config.git_revision == revision


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**63}, "seed is 9223372036854775808"),
        ({"device": "tpu"}, "device is 'tpu'"),
        ({"device": "cuda:x"}, "device is 'cuda:x'"),
        ({"threads": 0}, "threads is 0"),
        ({"validation": -1}, "validation is -1"),
        ({"checkpoint_every": 0.0}, "checkpoint period is 0.0"),
        ({"checkpoint_every": math.nan}, "checkpoint period is nan"),
        ({"checkpoint_every": math.inf}, "checkpoint period is inf"),
        ({"name": ""}, "name is ''"),
        ({"name": "a\x1b[31m"}, r"name is 'a\\x1b\[31m'"),
        ({"name": "x" * 100}, "at most 40"),
        ({"recipe": msgspec.structs.replace(GUIDE, epochs=-1)}, "epochs is -1"),
        ({"recipe": msgspec.structs.replace(GUIDE, learning_rate=math.nan)}, "learning rate is nan"),
    ],
)
def test_invalid_values_create_nothing(runs_dir: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_run(runs_dir, **changes)  # type: ignore[arg-type]
    assert not runs_dir.exists()


def test_a_name_like_a_path_stays_in_the_runs_folder(runs_dir: Path) -> None:
    assert make_run(runs_dir, name="../../etc").path.parent == runs_dir


def test_an_unwritable_folder_is_reported_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for folder in (file, file / "below", Path("/proc/nowhere/runs")):
        with pytest.raises(UserError, match=r"can't create a run in .*--runs") as caught:
            make_run(folder)
        assert "\n" not in str(caught.value)
        assert caught.value.exit_code == 1


def test_a_full_disk_leaves_no_incomplete_run(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(runs_dir)
    before = sorted(runs_dir.iterdir())

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Folder, "write", full)
    with pytest.raises(UserError, match="No space left on device"):
        make_run(runs_dir)
    assert sorted(runs_dir.iterdir()) == before
