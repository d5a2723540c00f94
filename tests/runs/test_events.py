"""The log keeps all events in order, whatever happens to the disk or the writer."""

import errno
import math
import os
import random
import shutil
import struct
import tracemalloc
from pathlib import Path

import msgspec
import pytest

from fashion_tui.runs.events import DamagedLine, EventWriter, decode_line, encode_line
from fashion_tui.runs.folder import Folder
from fashion_tui.runs.follow import EventFollower
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.run import Run
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.events import Failed, Finished, RunEvent, Started, StepChunk, Warned
from fashion_tui.schema.floats import JsonFloat, decode_float, encode_float
from tests.disk_calls import recorded_disk_calls

from .parts import finished, kill, read_line, run_python, started, steps

APPEND = """
import itertools, sys
from pathlib import Path
from fashion_tui.runs.events import EventWriter
from fashion_tui.runs.folder import Folder
from tests.runs.parts import steps
writer = EventWriter(Folder.open(Path(sys.argv[1])), "r")
for i in itertools.count():
    writer.write(steps(1 + 2000 * i, 2000))
    if i == 3: print("started")
"""

FULL_TEMPORARILY = """
import resource, sys
from pathlib import Path
from fashion_tui.runs.events import EventWriter
from fashion_tui.runs.folder import Folder
from tests.runs.parts import finished, steps
writer = EventWriter(Folder.open(Path(sys.argv[1])), "r")
writer.write(steps(1, 10))
size = (Path(sys.argv[1]) / "events.jsonl").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))
print([writer.write(steps(1 + 10 * i, 10)) for i in range(1, 4)], writer.waiting)
print(writer.problem)
sys.stdin.readline()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(writer.write(finished()), writer.waiting, writer.problem)
"""


def read(path: Path, run: str = "r") -> tuple[list[RunEvent], EventFollower]:
    follower = EventFollower(Folder.open(path), run)
    return list(follower.events()), follower


def sequence(path: Path) -> list[int]:
    return [decode_line(line)[0].seq for line in (path / "events.jsonl").read_bytes().splitlines()]


@pytest.mark.parametrize("value", [0.0, -0.0, 1e-300, 0.1, math.inf, -math.inf, math.nan])
def test_floats_keep_every_bit(value: float) -> None:
    encoded = msgspec.json.encode(encode_float(value))
    decoded = decode_float(msgspec.json.decode(encoded, type=float | str))
    assert struct.pack("d", decoded) == struct.pack("d", value)


def test_other_strings_are_not_floats() -> None:
    with pytest.raises(ValueError, match="not a number"):
        decode_float("nan")


def test_events_are_read_as_they_were_written(tmp_path: Path) -> None:
    writer = EventWriter(Folder.open(tmp_path), "r")
    events: list[RunEvent] = [started(), steps(1, 5), Warned(time=1.5, message="ü → 数"), finished()]
    for event in events:
        assert writer.write(event)
    writer.close()
    assert read(tmp_path)[0] == events


def test_strings_are_written_whatever_they_contain_and_are_printable_when_they_are_read(tmp_path: Path) -> None:
    writer = EventWriter(Folder.open(tmp_path), "r")
    writer.write(Failed(time=1.5, step=1, message="a\nb\x1b[31m caf\udce9" + "x" * 10_000))
    writer.close()
    (event,) = read(tmp_path)[0]
    assert isinstance(event, Failed)
    assert event.message.startswith("a b\ufffd[31m caf\ufffdx")
    assert len(event.message) == 500


def test_non_finite_losses_are_read_as_strings(tmp_path: Path) -> None:
    event = msgspec.structs.replace(steps(1, 4), metrics={"loss": [math.nan, math.inf, -math.inf, 1.0]})
    EventWriter(Folder.open(tmp_path), "r").write(event)
    (chunk,), _ = read(tmp_path)
    assert isinstance(chunk, StepChunk)
    assert chunk.metrics["loss"] == ["NaN", "Infinity", "-Infinity", 1.0]


def test_each_line_is_one_write(tmp_path: Path) -> None:
    """Therefore a reader sees only complete lines at any time."""
    writer = EventWriter(Folder.open(tmp_path), "r")
    for i in range(20):
        writer.write(steps(1 + 100 * i, 100))
        assert (tmp_path / "events.jsonl").read_bytes().endswith(b"\n")


def test_every_flipped_bit_is_detected() -> None:
    line = encode_line("r", 17, steps(1, 3))[:-1]
    expected = decode_line(line)
    for position in range(len(line)):
        for bit in range(8):
            flipped = bytearray(line)
            flipped[position] ^= 1 << bit
            try:
                decoded = decode_line(bytes(flipped))
            except DamagedLine:
                continue
            assert decoded == expected  # the bit has no effect, for example in whitespace or in the case of an escape


def test_a_new_writer_ends_a_torn_line_and_reuses_its_sequence_number(tmp_path: Path) -> None:
    writer = EventWriter(Folder.open(tmp_path), "r")
    assert not writer.is_continued
    for i in range(2):
        writer.write(steps(1 + 10 * i, 10))
    values: list[JsonFloat | None] = [-1.5e-07, 0.25, -3.0, "NaN", "-Infinity", None, 1e22]
    writer.write(StepChunk(time=0.5, steps=[*range(21, 28)], metrics={'"train"\nlöss': values}))
    log = tmp_path / "events.jsonl"
    content = log.read_bytes()
    last = content[:-1].rindex(b"\n") + 1
    for cut in range(last, len(content) + 1):
        log.write_bytes(content[:cut])
        second = EventWriter(Folder.open(tmp_path), "r")
        assert second.is_continued
        second.write(finished())
        second.close()
        events, follower = read(tmp_path)
        is_torn = cut < len(content) - 1  # without its newline, the line is still valid
        assert len(events) == (3 if is_torn else 4)
        assert isinstance(events[-1], Finished)
        assert (follower.bad_lines, follower.missing_events) == (0, 0)


def test_overlong_lines_are_skipped_without_reading_them_into_memory(run: Run) -> None:
    """Lines of 20 MiB and 100 MiB, from both ends of the log, by a viewer and by the next trainer."""
    run.event_writer().write(steps(1, 10))
    with (run.path / "events.jsonl").open("ab") as file:
        for length, text in ((100, b"x"), (20, b"[")):
            for _ in range(length):
                file.write(text * (1 << 20))
            file.write(b"\n")
    tracemalloc.start()
    try:
        assert run.last_event() is None, "the tail that a viewer reads has no valid line"
        assert RunReader(run).poll().bad_lines == 2
        writer = run.event_writer()
        assert writer.is_continued
        writer.write(finished(run.id))
        writer.close()
        assert isinstance(run.last_event(), Finished)
        assert isinstance(RunReader(run).poll().end, Finished)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40 << 20


def test_a_log_of_garbage_is_continued(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_bytes(b"\x00" * 5000 + b"\n{}\n[[[[\nhalf")
    writer = EventWriter(Folder.open(tmp_path), "r")
    writer.write(started())
    events, follower = read(tmp_path)
    assert len(events) == 1
    assert follower.bad_lines == 4


def test_lines_of_another_run_are_ignored(tmp_path: Path) -> None:
    EventWriter(Folder.open(tmp_path), "other").write(started("other"))
    writer = EventWriter(Folder.open(tmp_path), "r")
    assert not writer.is_continued
    writer.write(started())
    events, follower = read(tmp_path)
    assert [event.run for event in events if hasattr(event, "run")] == ["r"]
    assert follower.bad_lines == 1


def test_a_killed_writer_loses_no_written_event(tmp_path: Path) -> None:
    rng = random.Random(0)
    for _ in range(4):
        shutil.rmtree(tmp_path)
        tmp_path.mkdir()
        process = run_python(APPEND, str(tmp_path))
        read_line(process)
        for _ in range(rng.randrange(200)):
            (tmp_path / "events.jsonl").stat()
        kill(process)
        EventWriter(Folder.open(tmp_path), "r").write(finished())
        events, follower = read(tmp_path)
        assert (follower.bad_lines, follower.missing_events) == (0, 0)
        firsts = [event.first_step for event in events if isinstance(event, StepChunk)]
        assert firsts == [1 + 2000 * i for i in range(len(firsts))]
        assert len(firsts) >= 3


def test_a_full_disk_loses_no_event(tmp_path: Path) -> None:
    process = run_python(FULL_TEMPORARILY, str(tmp_path))
    assert read_line(process) == "[False, False, False] 3"
    assert "File too large" in read_line(process)
    assert len(read(tmp_path)[0]) == 1  # the rest of the file is an incomplete line
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert read_line(process) == "True 0 None"
    process.communicate()
    assert sequence(tmp_path) == [0, 1, 2, 3, 4]
    events, follower = read(tmp_path)
    assert [event.first_step for event in events if isinstance(event, StepChunk)] == [1, 11, 21, 31]
    assert (follower.bad_lines, follower.missing_events) == (0, 0)


def test_the_log_is_synced_when_it_is_created_and_on_request(tmp_path: Path) -> None:
    """Writing an event doesn't sync the log, because a training step mustn't wait for the disk."""
    log = tmp_path / "events.jsonl"
    with recorded_disk_calls() as calls:
        writer = EventWriter(Folder.open(tmp_path), "r")
        assert calls == [f"sync {tmp_path.name}"], "the name of the log is on disk"
        calls.clear()
        assert writer.write(started())
        assert calls == []
        assert writer.sync()
        assert calls == [f"sync events.jsonl ({log.stat().st_size} bytes)"]
        calls.clear()
        writer.write(finished())
        assert writer.close()
        assert calls == [f"sync events.jsonl ({log.stat().st_size} bytes)"]


def test_the_rest_of_a_torn_line_is_kept_when_waiting_events_are_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk has room for half of the second line. Later lines exceed the limit before the disk has room again."""
    room, write = 0, os.write

    def write_into_room(descriptor: int, data: bytes) -> int:
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = write(descriptor, data[:room])
        room -= written
        return written

    monkeypatch.setattr(os, "write", write_into_room)
    writer = EventWriter(Folder.open(tmp_path), "r", keep_bytes=20_000)
    first, second, *others = (steps(1 + 50 * i, 50) for i in range(100))
    room = len(encode_line("r", 0, first)) + len(encode_line("r", 1, second)) // 2
    assert writer.write(first)
    for event in (second, *others):
        assert not writer.write(event)
    assert not (tmp_path / "events.jsonl").read_bytes().endswith(b"\n")
    room = 1 << 20
    assert writer.flush()
    events, follower = read(tmp_path)
    assert follower.bad_lines == 0
    assert events[:2] == [first, second]
    assert events[2:] == others[-len(events[2:]) :]
    assert follower.missing_events == 100 - len(events) > 0


def test_waiting_events_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(_descriptor: int, _line: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", write)
    writer = EventWriter(Folder.open(tmp_path), "r", keep_bytes=20_000)
    assert not writer.write(started())
    for i in range(100):
        assert not writer.write(steps(1 + 50 * i, 50))
    assert not writer.write(finished())
    assert "No space left" in (writer.problem or "")
    kept = [decode_line(line[:-1])[1] for line, _ in writer._waiting]
    assert sum(len(line) for line, _ in writer._waiting) <= 20_000
    assert isinstance(kept[0], Started)
    assert isinstance(kept[-1], Finished)
    assert isinstance(kept[-2], StepChunk)
    assert kept[-2].first_step == 1 + 50 * 99


def test_the_end_of_a_torn_line_is_never_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, the next line would be joined to the torn one, and be lost."""

    def write(_descriptor: int, _line: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "events.jsonl").write_bytes(encode_line("r", 0, started()) + b'{"run":"r","seq":1,"crc"')
    writer = EventWriter(Folder.open(tmp_path), "r", keep_bytes=1_000)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        for i in range(10):
            writer.write(steps(1 + 50 * i, 50))
        writer.write(finished())
    assert writer.flush()
    events, follower = read(tmp_path)
    assert isinstance(events[-1], Finished)
    assert follower.missing_events == 12 - len(events)


def test_a_log_that_cannot_be_opened_is_reported_in_one_line(tmp_path: Path) -> None:
    folder = Folder.open(tmp_path)
    tmp_path.rmdir()
    with pytest.raises(UserError, match=r"can't open .*No such file"):
        EventWriter(folder, "r")
