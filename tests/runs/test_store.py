"""Runs are made whole, listed whatever state they are in, and found by what a person types."""

import json
import math
import os
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest

from fashion_tui.runs import create
from fashion_tui.runs.events import EventWriter
from fashion_tui.runs.launch import LOG_MARK
from fashion_tui.runs.lock import RunLock
from fashion_tui.runs.store import (
    DamagedRun,
    default_runs_dir,
    find_run,
    list_runs,
    load_config,
    load_status,
    summarise,
    write_status,
)
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.recipe import GUIDE

from .parts import finished, make_run


def _newer_format(path: Path) -> None:
    file = path / "config.json"
    file.write_text(file.read_text().replace('"format": 1', '"format": 99'))


def _folder_for_a_file(path: Path) -> None:
    (path / "config.json").unlink()
    (path / "config.json").mkdir()


def _pipe_for_a_file(path: Path, name: str) -> None:
    (path / name).unlink(missing_ok=True)
    os.mkfifo(path / name)


def _nothing_at_all(path: Path) -> None:
    shutil.rmtree(path)
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "no config": lambda path: (path / "config.json").rename(path / "gone"),
    "cut config": lambda path: (path / "config.json").write_text('{"format": 1, "ru'),
    "newer format": _newer_format,
    "no status": lambda path: (path / "status.json").rename(path / "gone"),
    "empty status": lambda path: (path / "status.json").write_text(""),
    "status of another kind": lambda path: (path / "status.json").write_text('{"state": "\x1b[31mred"}'),
    "deep garbage": lambda path: (path / "status.json").write_text("[" * 100_000),
    "a folder for a file": _folder_for_a_file,
    "a pipe for a config": partial(_pipe_for_a_file, name="config.json"),
    "a pipe for a status": partial(_pipe_for_a_file, name="status.json"),
    "nothing at all": _nothing_at_all,
}


def test_a_new_run_has_its_configuration_and_status(runs_dir: Path) -> None:
    path = make_run(runs_dir, seed=2**63 - 1, checkpoint_every=0.5, name="Été à Paris!")
    config = load_config(path)
    assert path.parent == runs_dir
    assert config.run == path.name
    assert "-ete-a-paris-" in path.name
    assert (config.seed, config.checkpoint_every, config.recipe) == (2**63 - 1, 0.5, GUIDE)
    assert {"python", "fashion-tui", "torch", "torchvision"} == set(config.versions)
    status = load_status(path)
    assert (status.state, status.step, status.epochs, status.pid) == ("starting", 0, 3, None)
    assert abs(status.heartbeat - time.time()) < 5
    assert path.stat().st_mode & 0o777 == 0o700
    assert {entry.name for entry in path.iterdir()} == {"config.json", "status.json", "checkpoints", "control"}
    assert [entry.name for entry in runs_dir.iterdir()] == [path.name]


def test_many_runs_of_one_second_have_names_of_their_own(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(create, "RANDOM_ALPHABET", "ab")
    assert len({make_run(runs_dir).name for _ in range(6)}) == 6


def test_the_revision_is_that_of_the_checkout(runs_dir: Path) -> None:
    revision = load_config(make_run(runs_dir)).git_revision
    assert revision is None or len(revision) == 40


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**63}, "seed is 9223372036854775808"),
        ({"device": "tpu"}, "device is 'tpu'"),
        ({"device": "cuda:x"}, "device is 'cuda:x'"),
        ({"threads": 0}, "threads is 0"),
        ({"validation": -1}, "validation is -1"),
        ({"checkpoint_every": 0.0}, "checkpoint-every is 0.0"),
        ({"checkpoint_every": math.nan}, "checkpoint-every is nan"),
        ({"checkpoint_every": math.inf}, "checkpoint-every is inf"),
        ({"name": ""}, "name is ''"),
        ({"name": "../../etc"}, None),
        ({"name": "a\x1b[31m"}, r"name is 'a\\x1b\[31m'"),
        ({"name": "x" * 100}, "40 characters at most"),
        ({"recipe": msgspec.structs.replace(GUIDE, epochs=-1)}, "epochs is -1"),
        ({"recipe": msgspec.structs.replace(GUIDE, learning_rate=math.nan)}, "learning rate is nan"),
    ],
)
def test_values_that_cannot_work_make_nothing(runs_dir: Path, changes: dict[str, object], words: str | None) -> None:
    if words is None:
        assert make_run(runs_dir, **changes).parent == runs_dir  # type: ignore[arg-type]
        return
    with pytest.raises(UsageError, match=words):
        make_run(runs_dir, **changes)  # type: ignore[arg-type]
    assert not runs_dir.exists()


def test_a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for folder in (file, file / "below", Path("/proc/nowhere/runs")):
        with pytest.raises(UserError, match=r"can't make a run in .*; choose another folder with --runs") as caught:
            make_run(folder)
        assert "\n" not in str(caught.value)
        assert caught.value.exit_code == 1


def test_a_run_that_cannot_be_finished_is_not_begun(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(runs_dir)
    before = sorted(runs_dir.iterdir())

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(create, "write_atomically", full)
    with pytest.raises(UserError, match="No space left on device"):
        make_run(runs_dir)
    assert sorted(runs_dir.iterdir()) == before


def test_the_runs_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FASHION_TUI_RUNS", str(tmp_path / "mine"))
    assert default_runs_dir() == tmp_path / "mine"
    monkeypatch.delenv("FASHION_TUI_RUNS")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert default_runs_dir() == tmp_path / "state" / "fashion-tui" / "runs"


def test_a_status_with_figures_that_are_no_numbers_is_whole(run_path: Path) -> None:
    write_status(run_path, msgspec.structs.replace(load_status(run_path), loss=math.nan))
    assert load_status(run_path).loss == "NaN"


def test_runs_are_listed_newest_first(runs_dir: Path) -> None:
    assert list_runs(runs_dir) == []
    paths = [make_run(runs_dir, name=f"n{i}") for i in range(3)]
    summaries = list_runs(runs_dir)
    assert [summary.run for summary in summaries] == [path.name for path in reversed(paths)]
    first = summaries[0]
    assert (first.state, first.recipe, first.dataset, first.damage) == ("starting", "guide", "synthetic", None)
    assert first.path == str(paths[-1])


def test_what_is_no_run_is_not_listed(runs_dir: Path) -> None:
    path = make_run(runs_dir)
    (runs_dir / "file").write_text("")
    (runs_dir / "folder").mkdir()
    (runs_dir / ".new-left-by-a-kill").mkdir()
    (runs_dir / ".new-left-by-a-kill" / "status.json").write_text("{}")
    (runs_dir / "nowhere").symlink_to("/nonexistent")
    assert [summary.run for summary in list_runs(runs_dir)] == [path.name]


def test_damaged_runs_are_listed_and_the_others_still_work(runs_dir: Path) -> None:
    good = make_run(runs_dir, name="good")
    broken = {}
    for name, damage in DAMAGES.items():
        path = make_run(runs_dir, name="broken")
        damage(path)
        broken[path.name] = name
    summaries = {summary.run: summary for summary in list_runs(runs_dir)}
    assert summaries[good.name].damage is None
    for run, name in broken.items():
        damage_text = summaries[run].damage
        assert damage_text is not None, name
        assert damage_text.isprintable()
        assert abs(summaries[run].created - time.time()) < 10
    assert load_config(find_run(runs_dir, "latest"))
    assert json.loads(msgspec.json.encode(list_runs(runs_dir)))


def test_a_summary_tells_how_the_run_stands(run_path: Path) -> None:
    status = msgspec.structs.replace(load_status(run_path), state="running", steps_per_epoch=100, step=150, pid=1)
    write_status(run_path, status)
    summary = summarise(run_path)
    assert (summary.state, summary.pid, summary.step, summary.total_steps) == ("running", 1, 150, 300)
    assert summarise(run_path, trust_heartbeat=False).state == "lost"
    write_status(run_path, msgspec.structs.replace(status, heartbeat=0.0))
    with RunLock(run_path):
        assert summarise(run_path).state == "running"
    summary = summarise(run_path)
    assert (summary.state, summary.pid) == ("lost", None)
    EventWriter(run_path, run_path.name).write(finished())
    assert (summarise(run_path).state, summarise(run_path).test_accuracy) == ("finished", 0.9)


def test_hundreds_of_runs_are_listed_quickly(runs_dir: Path) -> None:
    path = make_run(runs_dir)
    for i in range(300):
        shutil.copytree(path, runs_dir / f"20200101-000000-copy-{i:04d}")
    begun = time.perf_counter()
    assert len(list_runs(runs_dir)) == 301
    assert time.perf_counter() - begun < 1


def test_a_run_is_found_by_what_a_person_types(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = make_run(runs_dir, name="first")
    second = make_run(runs_dir, name="second")
    tail = second.name.split("-", 2)[2]
    for text in (second.name, "latest", tail, "seco", str(second), os.path.relpath(second)):
        assert find_run(runs_dir, text) == second
    assert find_run(runs_dir, first.name[:-2]) == first
    monkeypatch.chdir(first)
    assert find_run(runs_dir / "elsewhere", ".") == first
    monkeypatch.chdir(runs_dir)
    assert find_run(runs_dir / "elsewhere", f"./{first.name}") == first


def test_an_exact_id_wins_over_a_longer_one(runs_dir: Path) -> None:
    path = make_run(runs_dir)
    shutil.copytree(path, runs_dir / f"{path.name}-copy")
    assert find_run(runs_dir, path.name) == path


def test_an_ambiguous_or_unknown_run_is_told_with_the_candidates(runs_dir: Path) -> None:
    with pytest.raises(UserError, match=r"no run 'x'.*there is no run in"):
        find_run(runs_dir, "x")
    with pytest.raises(UserError, match="there is no run in"):
        find_run(runs_dir, "latest")
    paths = [make_run(runs_dir) for _ in range(7)]
    with pytest.raises(UserError, match=r"'guide' may be any of these runs: .* and 2 more; write more"):
        find_run(runs_dir, "guide")
    with pytest.raises(UserError, match=f"no run 'nothing'.*there is: .*{paths[-1].name[:8]}.* and 2 more"):
        find_run(runs_dir, "nothing")


@pytest.mark.parametrize(
    "text", ["", ".", "..", "../", "/", "../outside", "a\x00b", "x" * 5000, "~nobody/x", "*", "\x1b[31m"]
)
def test_no_text_leads_to_what_is_no_run(runs_dir: Path, text: str) -> None:
    make_run(runs_dir)
    (runs_dir.parent / "outside").mkdir()
    with pytest.raises(UserError) as caught:
        find_run(runs_dir, text)
    assert str(caught.value).isprintable()


def test_a_run_elsewhere_is_found_by_its_path_alone(runs_dir: Path) -> None:
    make_run(runs_dir)
    outside = make_run(runs_dir.parent / "others")
    assert find_run(runs_dir, f"{runs_dir}/../others/{outside.name}") == outside
    with pytest.raises(UserError):
        find_run(runs_dir, outside.name)


def test_names_with_control_characters_are_shown_escaped(runs_dir: Path) -> None:
    path = make_run(runs_dir)
    shutil.copytree(path, runs_dir / "evil\x1b[2J\nname")
    with pytest.raises(UserError) as caught:
        find_run(runs_dir, "nothing")
    assert str(caught.value).isprintable()
    (runs_dir / "evil\x1b[2J\nname" / "config.json").unlink()
    with pytest.raises(DamagedRun) as damaged:
        load_config(runs_dir / "evil\x1b[2J\nname")
    assert str(damaged.value).isprintable()


@pytest.mark.parametrize("name", ["x\x1b[2J\x1b]0;owned\x07", "two\nlines", "\u202egnp", "x" * 300])
def test_a_run_whose_texts_would_spoil_a_terminal_is_damaged(run_path: Path, name: str) -> None:
    file = run_path / "config.json"
    config = json.loads(file.read_text())
    config["recipe"]["name"] = name
    file.write_text(json.dumps(config))
    with pytest.raises(DamagedRun, match=r"config\.json: the recipe is '.*, which is no name") as raised:
        load_config(run_path)
    assert str(raised.value).isprintable()


def test_a_reason_from_elsewhere_is_one_short_line(run_path: Path) -> None:
    file = run_path / "status.json"
    status = json.loads(file.read_text())
    file.write_text(json.dumps(status | {"message": "a\x1b[2J\n" * 2_000}))
    message = load_status(run_path).message
    assert message is not None
    assert message.isprintable()
    assert len(message) <= 500


@pytest.mark.parametrize("changes", [{"epochs": 10**18}, {"step": -3}, {"test_accuracy": 1e300}])
def test_a_status_that_cannot_be_is_damaged(run_path: Path, changes: dict[str, object]) -> None:
    file = run_path / "status.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    with pytest.raises(DamagedRun, match=r"status\.json"):
        load_status(run_path)


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text(LOG_MARK)
    with pytest.raises(UserError, match="can't read the runs in"):
        list_runs(file)
