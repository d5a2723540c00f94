"""The runs folder: every run is listed, even if it is damaged, and is found by what the user types."""

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

from fashion_tui.runs.errors import DamagedRun
from fashion_tui.runs.location import default_runs_dir
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import list_runs, open_run, summarise
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.run import FORMAT_VERSION

from .parts import SYNTHETIC, finished, make_run


def _change_format(path: Path) -> None:
    file = path / "config.json"
    file.write_text(file.read_text().replace(f'"format": {FORMAT_VERSION}', '"format": 99'))


def _replace_by_folder(path: Path, name: str) -> None:
    (path / name).unlink()
    (path / name).mkdir()


def _replace_by_pipe(path: Path, name: str) -> None:
    (path / name).unlink(missing_ok=True)
    os.mkfifo(path / name)


def _empty(path: Path) -> None:
    shutil.rmtree(path)
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "no config": lambda path: (path / "config.json").rename(path / "gone"),
    "truncated config": lambda path: (path / "config.json").write_text('{"format": 3, "ru'),
    "newer format": _change_format,
    "no status": lambda path: (path / "status.json").rename(path / "gone"),
    "empty status": lambda path: (path / "status.json").write_text(""),
    "unknown state": lambda path: (path / "status.json").write_text('{"state": "\x1b[31mred"}'),
    "deeply nested status": lambda path: (path / "status.json").write_text("[" * 100_000),
    "a folder as config": partial(_replace_by_folder, name="config.json"),
    "a pipe as config": partial(_replace_by_pipe, name="config.json"),
    "a pipe as status": partial(_replace_by_pipe, name="status.json"),
    "an empty directory": _empty,
}


def opened_path(runs_dir: Path, name: str) -> Path:
    with open_run(runs_dir, name) as run:
        return run.path


def test_the_runs_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FASHION_TUI_RUNS", str(tmp_path / "mine"))
    assert default_runs_dir() == tmp_path / "mine"
    monkeypatch.delenv("FASHION_TUI_RUNS")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert default_runs_dir() == tmp_path / "state" / "fashion-tui" / "runs"


def test_a_status_may_contain_nan(run: Run) -> None:
    run.write_status(msgspec.structs.replace(run.read_status(), loss=math.nan))
    assert run.read_status().loss == "NaN"


def test_runs_are_listed_newest_first(runs_dir: Path) -> None:
    assert list_runs(runs_dir) == []
    runs = [make_run(runs_dir, name=f"n{i}") for i in range(3)]
    summaries = list_runs(runs_dir)
    assert [summary.run for summary in summaries] == [run.id for run in reversed(runs)]
    first = summaries[0]
    assert (first.state, first.recipe, first.dataset, first.damage) == ("starting", "guide", "synthetic", None)
    assert first.path == str(runs[-1].path)


def test_a_run_on_the_images_of_a_folder_is_listed_with_the_name_of_the_folder(runs_dir: Path) -> None:
    make_run(runs_dir, dataset=msgspec.structs.replace(SYNTHETIC, name="folder", directory="/photos/my digits"))
    assert [summary.dataset for summary in list_runs(runs_dir)] == ["my digits"]


def test_other_files_and_folders_are_not_listed(runs_dir: Path) -> None:
    run = make_run(runs_dir)
    (runs_dir / "file").write_text("")
    (runs_dir / "folder").mkdir()
    (runs_dir / ".new-left-by-a-kill").mkdir()
    (runs_dir / ".new-left-by-a-kill" / "status.json").write_text("{}")
    (runs_dir / "nowhere").symlink_to("/nonexistent")
    assert [summary.run for summary in list_runs(runs_dir)] == [run.id]


def test_damaged_runs_are_listed_and_the_others_still_work(runs_dir: Path) -> None:
    good = make_run(runs_dir, name="good")
    broken = {}
    for name, damage in DAMAGES.items():
        run = make_run(runs_dir, name="broken")
        damage(run.path)
        broken[run.id] = name
    summaries = {summary.run: summary for summary in list_runs(runs_dir)}
    assert summaries[good.id].damage is None
    for run_id, name in broken.items():
        damage_message = summaries[run_id].damage
        assert damage_message is not None, name
        assert damage_message.isprintable()
        assert abs(summaries[run_id].created - time.time()) < 10
    with open_run(runs_dir, "latest") as latest:
        assert latest.config
    assert json.loads(msgspec.json.encode(list_runs(runs_dir)))


def test_a_summary_has_the_derived_state(run: Run) -> None:
    status = msgspec.structs.replace(run.read_status(), state="running", steps_per_epoch=100, step=150, pid=1)
    run.write_status(status)
    summary = summarise(run)
    assert (summary.state, summary.pid, summary.step, summary.total_steps) == ("running", 1, 150, 300)
    assert summarise(run, trust_heartbeat=False).state == "lost"
    run.write_status(msgspec.structs.replace(status, heartbeat=0.0))
    with run.lock():
        assert summarise(run).state == "running"
    summary = summarise(run)
    assert (summary.state, summary.pid) == ("lost", None)
    run.event_writer().write(finished())
    assert (summarise(run).state, summarise(run).test_accuracy) == ("finished", 0.9)


def test_hundreds_of_runs_are_listed_quickly(runs_dir: Path) -> None:
    run = make_run(runs_dir)
    for i in range(300):
        shutil.copytree(run.path, runs_dir / f"20200101-000000-copy-{i:04d}")
    started = time.process_time()
    assert len(list_runs(runs_dir)) == 301
    assert time.process_time() - started < 1


def test_listing_leaves_no_descriptors_open(runs_dir: Path) -> None:
    for damage in DAMAGES.values():
        damage(make_run(runs_dir).path)
    descriptors = Path("/dev/fd")
    list_runs(runs_dir)
    before = len(list(descriptors.iterdir()))
    list_runs(runs_dir)
    assert len(list(descriptors.iterdir())) == before


def test_a_run_is_found_by_what_a_user_types(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = make_run(runs_dir, name="first")
    second = make_run(runs_dir, name="second")
    without_time = second.id.split("-", 2)[2]
    for name in (second.id, "latest", without_time, "seco", str(second.path), os.path.relpath(second.path)):
        assert opened_path(runs_dir, name) == second.path
    assert opened_path(runs_dir, first.id[:-2]) == first.path
    monkeypatch.chdir(first.path)
    assert opened_path(runs_dir / "elsewhere", ".") == first.path
    monkeypatch.chdir(runs_dir)
    assert opened_path(runs_dir / "elsewhere", f"./{first.id}") == first.path


def test_an_exact_id_wins_over_a_longer_one(runs_dir: Path) -> None:
    run = make_run(runs_dir)
    shutil.copytree(run.path, runs_dir / f"{run.id}-copy")
    assert opened_path(runs_dir, run.id) == run.path


def test_an_ambiguous_or_unknown_name_is_reported_with_the_candidates(runs_dir: Path) -> None:
    with pytest.raises(UserError, match=r"no run 'x'.*has no runs"):
        open_run(runs_dir, "x")
    with pytest.raises(UserError, match="has no runs"):
        open_run(runs_dir, "latest")
    runs = [make_run(runs_dir) for _ in range(7)]
    with pytest.raises(UserError, match=r"'guide' matches several runs: .* and 2 more"):
        open_run(runs_dir, "guide")
    with pytest.raises(UserError, match=f"no run 'nothing'.*choose from .*{runs[-1].id[:8]}.* and 2 more"):
        open_run(runs_dir, "nothing")


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../", "/", "../outside", "a\x00b", "x" * 5000, "~nosuchuser/x", "*", "\x1b[31m"]
)
def test_no_other_name_opens_a_run(runs_dir: Path, name: str) -> None:
    make_run(runs_dir)
    (runs_dir.parent / "outside").mkdir()
    with pytest.raises(UserError) as caught:
        open_run(runs_dir, name)
    assert str(caught.value).isprintable()


def test_a_run_elsewhere_is_only_found_by_its_path(runs_dir: Path) -> None:
    make_run(runs_dir)
    outside = make_run(runs_dir.parent / "others")
    assert opened_path(runs_dir, f"{runs_dir}/../others/{outside.id}") == outside.path
    with pytest.raises(UserError):
        open_run(runs_dir, outside.id)


def test_names_with_control_characters_are_escaped(runs_dir: Path) -> None:
    run = make_run(runs_dir)
    evil = runs_dir / "evil\x1b[2J\nname"
    shutil.copytree(run.path, evil)
    with pytest.raises(UserError) as caught:
        open_run(runs_dir, "nothing")
    assert str(caught.value).isprintable()
    (evil / "config.json").unlink()
    with pytest.raises(DamagedRun) as damaged:
        _ = Run(evil).config
    assert str(damaged.value).isprintable()


@pytest.mark.parametrize("name", ["x\x1b[2J\x1b]0;owned\x07", "two\nlines", "\u202egnp", "x" * 300])
def test_a_configuration_with_an_unprintable_name_is_damaged(run: Run, name: str) -> None:
    file = run.path / "config.json"
    config = json.loads(file.read_text())
    config["recipe"]["name"] = name
    file.write_text(json.dumps(config))
    with pytest.raises(DamagedRun, match=r"config\.json: the recipe is '") as raised:
        _ = Run(run.path).config
    assert str(raised.value).isprintable()


def test_the_message_of_a_status_becomes_one_short_line(run: Run) -> None:
    file = run.path / "status.json"
    status = json.loads(file.read_text())
    file.write_text(json.dumps(status | {"message": "a\x1b[2J\n" * 2_000}))
    message = run.read_status().message
    assert message is not None
    assert message.isprintable()
    assert len(message) <= 500


@pytest.mark.parametrize("changes", [{"epochs": 10**18}, {"step": -3}, {"test_accuracy": 1e300}])
def test_a_status_with_impossible_values_is_damaged(run: Run, changes: dict[str, object]) -> None:
    file = run.path / "status.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    with pytest.raises(DamagedRun, match=r"status\.json"):
        run.read_status()


def test_an_unreadable_runs_folder_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    with pytest.raises(UserError, match="can't read the runs in"):
        list_runs(file)
