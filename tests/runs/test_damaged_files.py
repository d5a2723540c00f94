"""However a log, a checkpoint or a record is damaged, readers raise no unexpected error and return no wrong value."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from fashion_tui.runs.checkpoints import CheckpointStore
from fashion_tui.runs.errors import DamagedRun
from fashion_tui.runs.events import EventWriter, encode_line, last_event
from fashion_tui.runs.folder import Folder
from fashion_tui.runs.follow import EventFollower
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import summarise
from fashion_tui.schema.events import CheckpointSaved, EpochEnd, RequestHandled, RunEvent, Stopped, Warned
from fashion_tui.schema.run import CheckpointRef
from tests.damage import any_damage, damaged, intact_bytes

from .parts import finished, make_run, started, steps

EVENTS: list[RunEvent] = [
    msgspec.structs.replace(started(), pid=1),
    msgspec.structs.replace(steps(1, 4), metrics={"loss": ["NaN", 2.25, "-Infinity", 1e-300]}),
    Warned(time=0.0, message="ü → 数"),
    CheckpointSaved(time=0.0, step=4, epoch=1, file="step-4.pt", bytes=9, seconds=0.1, reason="epoch"),
    EpochEnd(
        time=0.0, epoch=1, step=4, train_loss="NaN", train_accuracy=0.5, validation_loss=None,
        validation_accuracy=None, seconds=2.0,
    ),
    steps(5, 4),
    RequestHandled(time=0.0, action="stop", request="a1b2", step=8),
    finished(),
]  # fmt: skip
EVENTS = [msgspec.structs.replace(event, time=1.5 + index) for index, event in enumerate(EVENTS)]
LINES = [encode_line("r", seq, event) for seq, event in enumerate(EVENTS)]
LOG = b"".join(LINES)
NEXT_EVENT = Stopped(time=99.0, step=8, epoch=2, reason="asked")


@contextmanager
def folder_with_log(content: bytes) -> Iterator[Folder]:
    with TemporaryDirectory() as path:
        (Path(path) / "events.jsonl").write_bytes(content)
        with Folder.open(Path(path)) as folder:
            yield folder


def counts(follower: EventFollower) -> tuple[int, int]:
    return follower.bad_lines, follower.missing_events


@given(any_damage(LINES), st.sampled_from(["r", None]))
def test_a_damaged_log_gives_the_events_before_the_damage_and_no_wrong_one(content: bytes, run: str | None) -> None:
    with folder_with_log(content) as folder:
        follower = EventFollower(folder, run)
        found = [EVENTS.index(event) for event in follower.events()]
        last = last_event(folder)
    assert follower.complete
    assert found == sorted(set(found)), "in order, and each at most once"
    intact_lines = LOG[: intact_bytes(content, LOG)].count(b"\n")
    assert found[:intact_lines] == list(range(intact_lines))
    assert follower.missing_events == (found[-1] + 1 - len(found) if found else 0)
    assert last in EVENTS or (last is None and not found)


@given(any_damage(LINES), st.lists(st.integers(0, len(LOG) + 100), max_size=8), st.integers(1, 500))
def test_a_growing_log_is_read_as_a_whole_one(content: bytes, sizes: list[int], max_bytes: int) -> None:
    """A reader gets the same events and counts whatever was in the file at each poll, and however much it reads."""
    with folder_with_log(content) as folder:
        whole = EventFollower(folder, "r")
        expected = list(whole.events())
        limited = EventFollower(folder, "r")
        found = list(limited.events(max_bytes))
        while not limited.complete:
            found += limited.events(max_bytes)
        assert (found, counts(limited)) == (expected, counts(whole))
    with folder_with_log(b"") as folder:
        growing = EventFollower(folder, "r")
        found = []
        for size in [*sorted(sizes), len(content)]:
            with (folder.path / "events.jsonl").open("ab") as file:
                file.write(content[file.tell() : size])
            found += growing.events()
        assert (found, counts(growing)) == (expected, counts(whole))


@given(damaged(LOG))
def test_the_next_trainer_continues_a_damaged_log(content: bytes) -> None:
    with folder_with_log(content) as folder:
        before = list(EventFollower(folder, "r").events())
        writer = EventWriter(folder, "r")
        assert writer.write(NEXT_EVENT)
        writer.close()
        after = list(EventFollower(folder, "r").events())
        assert last_event(folder) == NEXT_EVENT
    assert after[-1] == NEXT_EVENT
    assert after[: len(before)] == before
    assert len(after) - len(before) in {1, 2}, "if the last line is valid but has no newline, the writer adds it"


WEIGHTS = {step: b"weights of step %d " % step * 10 for step in (10, 20, 30)}
SUFFIXES = ("json", "pt")
CHECKPOINT_FILES = ["best.json", "latest.json", *(f"step-{step}.{suffix}" for step in WEIGHTS for suffix in SUFFIXES)]


def save(store: CheckpointStore, step: int) -> CheckpointRef:
    def write(file: BinaryIO) -> None:
        file.write(WEIGHTS[step])

    is_best = step == 10
    return store.save(
        write, step=step, epoch=step // 10, validation_accuracy=step / 64, best=is_best, unsaved=("count",)
    )


@cache
def saved_checkpoints() -> tuple[dict[str, bytes], dict[int, CheckpointRef]]:
    """Return the content of each file of a folder with three checkpoints, the first of them the best, and the refs."""
    with TemporaryDirectory() as path, Folder.open(Path(path)) as run:
        store = CheckpointStore(run)
        refs = {step: save(store, step) for step in WEIGHTS}
        files = {file.name: file.read_bytes() for file in (Path(path) / "checkpoints").iterdir()}
    assert sorted(files) == sorted(CHECKPOINT_FILES)
    return files, refs


@settings(max_examples=200)
@given(st.sets(st.sampled_from(CHECKPOINT_FILES), min_size=1), st.data())
def test_damaged_checkpoints_are_left_out_and_intact_ones_are_found(names: set[str], data: st.DataObject) -> None:
    originals, refs = saved_checkpoints()
    files = {name: data.draw(damaged(content)) if name in names else content for name, content in originals.items()}
    with TemporaryDirectory() as path, Folder.open(Path(path)) as run:
        folder = Path(path) / "checkpoints"
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        store = CheckpointStore(run)
        latest, best, at = store.latest(), store.best(), {step: store.at(step) for step in WEIGHTS}
        for ref in (latest, best, *at.values()):
            if ref is not None:
                assert ref == refs[ref.step]
                assert store.open(ref).read() == WEIGHTS[ref.step]
    is_intact = {name: content == originals[name] for name, content in files.items()}
    usable = [step for step in WEIGHTS if is_intact[f"step-{step}.pt"] and is_intact[f"step-{step}.json"]]
    if is_intact["latest.json"] and is_intact["step-30.pt"]:
        usable.append(30)
    assert latest == (refs[max(usable)] if usable else None)
    assert best == (refs[10] if is_intact["best.json"] and is_intact["step-10.pt"] else None)
    for step in WEIGHTS:
        assert (at[step] is not None) == (is_intact[f"step-{step}.pt"] and is_intact[f"step-{step}.json"])


RECORDS = ["config.json", "status.json", "events.jsonl"]


@cache
def run_files() -> tuple[str, dict[str, bytes]]:
    """Return the id of a run, and the content of its records."""
    with TemporaryDirectory() as path, make_run(Path(path)) as run:
        writer = run.event_writer()
        for event in EVENTS:
            writer.write(event)
        writer.close()
        return run.id, {name: (run.path / name).read_bytes() for name in RECORDS}


def problem(read: Callable[[], object]) -> str | None:
    """Return the message of the error that reading raises, or None."""
    try:
        read()
    except DamagedRun as error:
        return str(error)
    return None


@given(st.sets(st.sampled_from(RECORDS), min_size=1), st.data())
def test_a_run_with_damaged_records_is_displayed(names: set[str], data: st.DataObject) -> None:
    run_id, originals = run_files()
    with TemporaryDirectory() as runs_dir:
        path = Path(runs_dir) / run_id
        path.mkdir()
        for name, content in originals.items():
            (path / name).write_bytes(data.draw(damaged(content)) if name in names else content)
        with Run(path) as run:
            snapshot = RunReader(run).poll()
            summary = summarise(run)
            problems = {"config.json": problem(lambda: run.config), "status.json": problem(run.read_status)}
    for name, line in problems.items():
        assert line is None or (name in names and name in line)
        assert (line is not None) == (name in (snapshot.damage or "")) == (name in (summary.damage or ""))
    assert snapshot.complete
    if names == {"status.json"}:
        assert len(snapshot.curve("loss")) == 8
        assert snapshot.end == EVENTS[-1]
