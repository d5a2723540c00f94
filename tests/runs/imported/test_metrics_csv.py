"""`metrics.csv` is read regardless of its columns and rows. Unreadable parts are reported in one line."""

from pathlib import Path

import pytest

from fashion_tui.runs.imported import metrics_csv
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import summarise_path

from .parts import Values, make_old, values


def write(folder: Path, text: str | bytes) -> Path:
    file = folder / "metrics.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def read(folder: Path) -> tuple[Values, list[str], str | None]:
    """Return the values, the warnings and the damage."""
    reader = RunReader(Run(folder))
    snapshot = reader.poll()
    return values(reader), [warning.message for warning in snapshot.warnings], snapshot.damage


def test_sparse_rows_of_one_step_are_merged(tmp_path: Path) -> None:
    write(tmp_path, "epoch,step,train_loss,val_loss\r\n0,9,0.5,\r\n0,9,,0.25\r\n1,19,nan,\r\n1,19,,inf\r\n")
    found, warnings, damage = read(tmp_path)
    assert str(found) == (
        "{'epoch': [(9, 0.0), (19, 1.0)], 'train_loss': [(9, 0.5), (19, nan)], 'val_loss': [(9, 0.25), (19, inf)]}"
    )
    assert (warnings, damage) == ([], None)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Step,loss", {"loss": [(4, 0.5), (6, 0.25)]}),
        ("epoch,loss", {"loss": [(4, 0.5), (6, 0.25)]}),
        ("global_step,loss", {"loss": [(4, 0.5), (6, 0.25)]}),
        ("other,loss", {"other": [(0, 4.0), (1, 6.0)], "loss": [(0, 0.5), (1, 0.25)]}),
    ],
)
def test_the_step_is_in_one_of_several_columns_or_counted(header: str, expected: Values, tmp_path: Path) -> None:
    write(tmp_path, f"{header}\n4,0.5\n6,0.25\n")
    found, warnings, damage = read(tmp_path)
    assert found == expected
    assert ["no column 'step'" in warning for warning in warnings] == [True] * header.startswith("other")
    assert damage is None
    listed = summarise_path(tmp_path)
    assert (listed.step, listed.loss) == (1 if header.startswith("other") else 6, 0.25)


def test_the_list_counts_the_rows_of_a_long_file_without_steps(tmp_path: Path) -> None:
    rows = "".join(f"{row / 8:032}\n\r\n" for row in range(3000))
    file = write(tmp_path, f"loss\n{rows}0.1")  # the last row is incomplete
    assert file.stat().st_size > metrics_csv.TAIL_BYTES
    assert read(tmp_path)[0]["loss"][-1] == (2999, 2999 / 8)
    assert summarise_path(tmp_path).step == 2999


@pytest.mark.parametrize(("text", "words"), [("", "is empty"), ("step,loss\n", "has no rows")])
def test_a_file_without_rows_says_so_until_it_has_some(text: str, words: str, tmp_path: Path) -> None:
    make_old(write(tmp_path, text))
    reader = RunReader(Run(tmp_path))
    for _ in range(2):
        snapshot = reader.poll()
        assert snapshot.damage is None
        assert [words in warning.message for warning in snapshot.warnings] == [True]
    write(tmp_path, "step,loss\n1,0.5\n")
    assert reader.poll().warnings == ()
    assert values(reader) == {"loss": [(1, 0.5)]}


def test_lines_that_end_with_cr_are_reported(tmp_path: Path) -> None:
    write(tmp_path, "step,loss\r1,0.5\r2,0.25\r")
    for damage in (read(tmp_path)[2], summarise_path(tmp_path).damage):
        assert damage is not None
        assert damage.count("end with CR") == 1


def test_unreadable_rows_and_cells_are_reported_and_the_others_are_kept(tmp_path: Path) -> None:
    write(tmp_path, "step,a,b\n1,0.5,words\n2,1\nx,3,4\n3,1,2,3\n-1,1,2\n1.5,1,2\n4,,7\n")
    found, warnings, damage = read(tmp_path)
    assert found == {"a": [(1, 0.5), (2, 1.0)], "b": [(4, 7.0)]}
    assert len(warnings) == 1
    assert "'words' in the column 'b'" in warnings[0]
    assert damage is not None
    assert "4 unreadable rows" in damage


@pytest.mark.parametrize(
    "line", ["1,a\rb", "1," + "x" * 200_000, '1,"a', "\0\0"], ids=["return", "long", "quote", "NUL"]
)
def test_lines_that_are_not_csv_do_not_hide_the_others(line: str, tmp_path: Path) -> None:
    write(tmp_path, f"step,loss\n1,0.5\n{line}\n2,0.25\n")
    found, warnings, damage = read(tmp_path)
    assert found == {"loss": [(1, 0.5), (2, 0.25)]}
    assert len(warnings) + (damage is not None) == 1
    assert summarise_path(tmp_path).step == 2


def test_a_file_that_is_not_csv_is_reported(tmp_path: Path) -> None:
    write(tmp_path, bytes(range(256)) * 20)
    assert read(tmp_path)[0] == {}
    assert summarise_path(tmp_path).kind == "imported"


def test_names_that_are_not_utf8_are_shown_escaped(tmp_path: Path) -> None:
    write(tmp_path, b"\xef\xbb\xbfstep,l\xf6ss,\x1b[31mred\n1,0.5,2\n")
    found, _, damage = read(tmp_path)
    assert found == {"l\ufffdss": [(1, 0.5)], "\ufffd[31mred": [(1, 2.0)]}
    assert damage is None


def test_decreasing_steps_replace_later_values(tmp_path: Path) -> None:
    write(tmp_path, "step,loss,other\n1,1,1\n2,2,2\n3,3,\n2,5,\n")
    found, warnings, _ = read(tmp_path)
    assert found == {"loss": [(1, 1.0), (2, 5.0)], "other": [(1, 1.0), (2, 2.0)]}
    assert ["step 3 is followed by step 2" in warning for warning in warnings] == [True]


def test_a_growing_file_is_followed_and_an_incomplete_row_is_not_read(tmp_path: Path) -> None:
    file = write(tmp_path, "step,loss\n1,0.5\n2,0.2")
    reader = RunReader(Run(tmp_path))
    assert reader.poll().damage is None
    assert values(reader) == {"loss": [(1, 0.5)]}
    with file.open("a") as opened:
        opened.write("5\n3,0.125\n")
    reader.poll()
    assert values(reader) == {"loss": [(1, 0.5), (2, 0.25), (3, 0.125)]}
    with file.open("a") as opened:
        opened.write("4,0.1")
    make_old(file)
    damage = reader.poll().damage
    assert damage is not None
    assert "last row is incomplete" in damage


@pytest.mark.parametrize("rewritten", ["step,loss,new\n1,1,\n2,2,\n3,3,9\n", "step,loss\n1,7\n2,7\n3,7\n", "step,b\n"])
def test_a_file_that_is_written_anew_is_read_from_its_beginning(rewritten: str, tmp_path: Path) -> None:
    """CSVLogger does this when a metric is logged for the first time."""
    write(tmp_path, "step,loss\n1,1\n2,2\n")
    reader = RunReader(Run(tmp_path))
    reader.poll()
    write(tmp_path, rewritten)
    reader.poll()
    assert values(reader) == read(tmp_path)[0]


def test_a_long_file_is_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_csv, "MAX_ROW_BYTES", 100)
    monkeypatch.setattr(metrics_csv, "CHUNK_BYTES", 64)
    write(tmp_path, "step,loss\n" + "".join(f"{step},{step / 8}\n" for step in range(500)))
    reader = RunReader(Run(tmp_path))
    snapshot, polls = reader.poll(100), 1
    while not snapshot.complete:
        snapshot, polls = reader.poll(100), polls + 1
    assert polls > 10
    assert values(reader) == {"loss": [(step, step / 8) for step in range(500)]}


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path, "step,loss\n1,1\n").rename(tmp_path / "other.csv")
    (tmp_path / "metrics.csv").symlink_to("other.csv")
    _, _, damage = read(tmp_path)
    assert damage is not None
    assert "symbolic link" in damage


def test_event_files_beside_it_are_mentioned(tmp_path: Path) -> None:
    write(tmp_path, "step,loss\n1,1\n")
    (tmp_path / "events.out.tfevents.1.host").touch()
    found, warnings, _ = read(tmp_path)
    assert found == {"loss": [(1, 1.0)]}
    assert ["metrics.csv" in warning for warning in warnings] == [True]
