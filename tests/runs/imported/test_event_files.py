"""Event files of all kinds are read without loss. Unreadable parts are reported in one line."""

import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.compat.proto import event_pb2, graph_pb2, summary_pb2, tensor_pb2
from tensorboard.compat.proto.event_pb2 import SessionLog
from tensorboard.util.tensor_util import make_tensor_proto

from fashion_tui.runs.imported import tensorboard, tf_records
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import summarise_path

from .parts import make_old, scalar, values, write_events


def reader_of(folder: Path) -> RunReader:
    return RunReader(Run(folder))


def test_a_growing_file_is_followed_from_the_remembered_offset(tmp_path: Path) -> None:
    file = write_events(tmp_path, [scalar("loss", step, step / 4) for step in range(4)])
    content = file.read_bytes()
    reader = reader_of(tmp_path)
    cuts = [len(content) * part // 7 for part in range(1, 7)]
    seen = 0
    for cut in (*cuts, len(content)):  # most cuts are within a record
        file.write_bytes(content[:cut])
        assert reader.poll().damage is None
        count = len(values(reader).get("loss", []))
        assert count >= seen
        seen = count
    assert values(reader) == {"loss": [(0, 0.0), (1, 0.25), (2, 0.5), (3, 0.75)]}


def test_a_truncated_last_record_is_reported_when_nobody_writes_the_file(tmp_path: Path) -> None:
    file = write_events(tmp_path, [scalar("loss", step, 1.0) for step in range(4)])
    file.write_bytes(file.read_bytes()[:-5])
    make_old(file)
    reader = reader_of(tmp_path)
    damage = reader.poll().damage
    assert damage is not None
    assert (file.name in damage, "last record is incomplete" in damage) == (True, True)
    assert [step for step, _ in values(reader)["loss"]] == [0, 1, 2]
    assert summarise_path(tmp_path).step == 2


def test_a_record_with_a_bad_checksum_is_skipped_and_counted(tmp_path: Path) -> None:
    file = write_events(tmp_path, [scalar("loss", step, step / 4) for step in range(4)])
    content = bytearray(file.read_bytes())
    content[content.index(struct.pack("<f", 2 / 4))] ^= 1
    file.write_bytes(content)
    reader = reader_of(tmp_path)
    damage = reader.poll().damage
    assert damage is not None
    assert "1 unreadable record" in damage
    assert values(reader) == {"loss": [(0, 0.0), (1, 0.25), (3, 0.75)]}


def test_a_damaged_length_ends_the_file_but_not_the_others(tmp_path: Path) -> None:
    first = write_events(tmp_path, [scalar("loss", 1, 1.0)], name="events.out.tfevents.100.a")
    write_events(tmp_path, [scalar("loss", 2, 2.0)], name="events.out.tfevents.200.b")
    size = first.stat().st_size
    first.write_bytes(first.read_bytes() + b"\1" * 40)
    reader = reader_of(tmp_path)
    damage = reader.poll().damage
    assert damage is not None
    assert f"byte {size}" in damage
    assert damage.count("can't be read") == 1
    assert values(reader) == {"loss": [(1, 1.0), (2, 2.0)]}


def test_a_later_file_replaces_overlapping_steps_of_its_metrics(tmp_path: Path) -> None:
    first = [scalar("loss", step, 1.0) for step in range(5)] + [scalar("by epoch", 1, 0.5)]
    write_events(tmp_path, first, name="events.out.tfevents.100.a")
    write_events(tmp_path, [scalar("loss", 3, 2.0)], name="events.out.tfevents.1000.b")  # sorts before 200 as a string
    write_events(tmp_path, [scalar("loss", 2, 3.0)], name="events.out.tfevents.200.c")
    reader = reader_of(tmp_path)
    reader.poll()
    expected = [(0, 1.0), (1, 1.0), (2, 3.0), (3, 2.0)]
    assert values(reader) == {"loss": expected, "by epoch": [(1, 0.5)]}
    assert summarise_path(tmp_path).step == 3
    write_events(tmp_path, [scalar("loss", 1, 4.0)], name="events.out.tfevents.3000.d")
    reader.poll()
    assert values(reader) == {"loss": [(0, 1.0), (1, 4.0)], "by epoch": [(1, 0.5)]}


def test_files_of_one_second_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number, value in ((9, 1.0), (10, 2.0), (8, 3.0)):
        write_events(tmp_path, [scalar("loss", 1, value)], name=f"events.out.tfevents.100.host.7.{number}")
    reader = reader_of(tmp_path)
    reader.poll()
    assert values(reader) == {"loss": [(1, 2.0)]}


def test_a_restart_replaces_the_later_steps_of_all_metrics(tmp_path: Path) -> None:
    start = event_pb2.Event(wall_time=1.0, step=2, session_log=SessionLog(status=SessionLog.START))
    rows = [scalar(tag, step, 1.0) for step in range(4) for tag in ("loss", "accuracy")]
    write_events(tmp_path, [*rows, start, scalar("loss", 2, 5.0)])
    reader = reader_of(tmp_path)
    reader.poll()
    assert values(reader) == {"loss": [(0, 1.0), (1, 1.0), (2, 5.0)], "accuracy": [(0, 1.0), (1, 1.0)]}


def test_the_list_shows_the_last_step_after_a_restart(tmp_path: Path) -> None:
    """The restart is at the beginning of the second file, far from its end, and `accuracy` isn't logged again."""
    rows = [scalar(tag, step, 1.0) for step in range(100) for tag in ("loss", "accuracy")]
    write_events(tmp_path, rows, name="events.out.tfevents.100.a")
    start = event_pb2.Event(wall_time=1.0, step=50, session_log=SessionLog(status=SessionLog.START))
    rows = [scalar(f"{number:_>60}", step, 2.0) for step in range(50, 80) for number in range(10)]
    again = write_events(tmp_path, [start, *rows], name="events.out.tfevents.200.b")
    assert again.stat().st_size > tensorboard.TAIL_BYTES[0]
    reader = reader_of(tmp_path)
    reader.poll()
    assert values(reader)["accuracy"][-1] == (49, 1.0)
    assert summarise_path(tmp_path).step == 79
    start.step = 40
    write_events(tmp_path, [start], name="events.out.tfevents.300.c")
    assert summarise_path(tmp_path).step == 39


def test_tensors_of_any_number_type_are_scalars(tmp_path: Path) -> None:
    def event(tag: str, tensor: tensor_pb2.TensorProto, plugin: str) -> event_pb2.Event:
        data = summary_pb2.SummaryMetadata.PluginData(plugin_name=plugin)
        metadata = summary_pb2.SummaryMetadata(plugin_data=data)
        value = summary_pb2.Summary.Value(tag=tag, tensor=tensor, metadata=metadata)
        return event_pb2.Event(wall_time=1.0, step=3, summary=summary_pb2.Summary(value=[value]))

    scalars: dict[str, np.generic[Any]] = {
        "float32": np.float32(0.1),
        "float64": np.float64(0.1),
        "int64": np.int64(-7),
        "half": np.float16(0.1),
    }
    events = [event(name, make_tensor_proto(value), "scalars") for name, value in scalars.items()]
    events += [
        event("vector", make_tensor_proto(np.zeros(2, np.float32)), "scalars"),
        event("text", make_tensor_proto(["words"]), "text"),
        event("curve", make_tensor_proto(np.float32(1)), "pr_curves"),
        event("string", make_tensor_proto("words"), ""),
    ]
    write_events(tmp_path, events)
    reader = reader_of(tmp_path)
    assert reader.poll().damage is None
    assert values(reader) == {name: [(3, float(value.item()))] for name, value in scalars.items()}


def test_a_malformed_tensor_is_counted_and_the_others_are_kept(tmp_path: Path) -> None:
    def event(step: int, tensor: tensor_pb2.TensorProto) -> event_pb2.Event:
        value = summary_pb2.Summary.Value(tag="x", tensor=tensor)
        return event_pb2.Event(wall_time=1.0, step=step, summary=summary_pb2.Summary(value=[value]))

    malformed = [
        tensor_pb2.TensorProto(dtype=1),
        tensor_pb2.TensorProto(dtype=1, tensor_content=b"abc"),
        tensor_pb2.TensorProto(dtype=99, float_val=[1.0]),
    ]
    write_events(tmp_path, [event(step, tensor) for step, tensor in enumerate(malformed)] + [scalar("x", 7, 0.5)])
    reader = reader_of(tmp_path)
    damage = reader.poll().damage
    assert damage is not None
    assert "3 unreadable records" in damage
    assert values(reader) == {"x": [(7, 0.5)]}
    assert summarise_path(tmp_path).step == 7


def test_a_file_without_scalars_says_so(tmp_path: Path) -> None:
    graph = event_pb2.Event(wall_time=1.0, graph_def=graph_pb2.GraphDef().SerializeToString())
    file = write_events(tmp_path, [graph])
    make_old(file)
    reader = reader_of(tmp_path)
    snapshot = reader.poll()
    assert snapshot.damage is None
    assert ["no scalars" in warning.message for warning in snapshot.warnings] == [True]
    assert len(reader.poll().warnings) == 1
    write_events(tmp_path, [scalar("loss", 1, 0.5)])
    assert reader.poll().warnings == ()
    assert values(reader) == {"loss": [(1, 0.5)]}


def test_a_file_that_is_not_an_event_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "events.out.tfevents.1").write_text("this is a text, not a record")
    summary = summarise_path(tmp_path)
    assert (summary.kind, summary.state) == ("imported", "imported")
    for damage in (summary.damage, reader_of(tmp_path).poll().damage):
        assert damage is not None
        assert damage.count("byte 0 is damaged") == 1


def test_images_do_not_hide_the_last_scalars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of the file has only an image; it is longer than what is searched first, and than a record may be."""
    monkeypatch.setattr(tf_records, "MAX_RECORD_BYTES", 100 << 10)
    image = summary_pb2.Summary.Image(encoded_image_string=bytes(200 << 10))
    summary = summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag="image", image=image)])
    write_events(tmp_path, [scalar("loss", 7, 0.5), event_pb2.Event(wall_time=1.0, step=7, summary=summary)])
    listed = summarise_path(tmp_path)
    assert (listed.step, listed.loss) == (7, 0.5)
    reader = reader_of(tmp_path)
    assert reader.poll().damage is None
    assert values(reader) == {"loss": [(7, 0.5)]}


def test_many_images_do_not_hide_the_last_scalars(tmp_path: Path) -> None:
    """The images take more bytes than the end of the file that is read."""
    image = summary_pb2.Summary.Image(encoded_image_string=bytes(500 << 10))
    summary = summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag="image", image=image)])
    images = [event_pb2.Event(wall_time=1.0, step=step, summary=summary) for step in range(8, 11)]
    file = write_events(tmp_path, [scalar("loss", 6, 0.75), scalar("loss", 7, 0.5), *images])
    assert file.stat().st_size > tensorboard.TAIL_BYTES[-1]
    listed = summarise_path(tmp_path)
    assert (listed.step, listed.loss) == (7, 0.5)


def test_without_the_package_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_events(tmp_path, [scalar("loss", 7, 0.5)])
    for name in [name for name in sys.modules if name.partition(".")[0] == "tensorboard"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    for damage in (summarise_path(tmp_path).damage, reader_of(tmp_path).poll().damage):
        assert damage is not None
        assert damage.count("pip install 'fashion-tui[tensorboard]'") == 1


def test_a_deleted_file_starts_the_run_over(tmp_path: Path) -> None:
    file = write_events(tmp_path, [scalar("loss", 1, 1.0)])
    reader = reader_of(tmp_path)
    reader.poll()
    file.unlink()
    write_events(tmp_path, [scalar("other", 5, 2.0)])
    reader.poll()
    assert values(reader) == {"other": [(5, 2.0)]}
