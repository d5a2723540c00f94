"""`hparams.yaml` is read without executing anything, and within limits."""

from pathlib import Path

import pytest

from fashion_tui.runs.folder import Folder
from fashion_tui.runs.imported.hyperparameters import read_hyperparameters
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import summarise_path


def read(folder: Path, text: str | bytes) -> tuple[dict[str, object], str | None]:
    (folder / "hparams.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with Folder.open(folder) as opened:
        return read_hyperparameters(opened)


def test_values_of_all_types(tmp_path: Path) -> None:
    text = "lr: 1.0e-3\nname: 'wide'\nsizes: [1, 2]\nnested: {a: true, 3: null}\nday: 2026-11-30\nlimit: .inf\n"
    assert read(tmp_path, text) == (
        {
            "lr": 0.001, "name": "wide", "sizes": [1, 2], "nested": {"a": True, "3": None}, "day": "2026-11-30",
            "limit": "Infinity",
        },
        None,
    )  # fmt: skip


def test_no_tag_executes_code(tmp_path: Path) -> None:
    text = (
        f"a: !!python/object/apply:os.mkdir [{tmp_path}/made]\n"
        "b: !!python/tuple [1, 2]\n"
        "c: !!python/name:os.system ''\n"
        "d: !!python/object:argparse.Namespace {x: 1}\n"
        "e: !own 5\n"
    )
    found, problem = read(tmp_path, text)
    assert problem is None
    assert found == {"a": [f"{tmp_path}/made"], "b": [1, 2], "c": "", "d": {"x": 1}, "e": "5"}
    assert not (tmp_path / "made").exists()


LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (LAUGHS, "more than 10,000 values"),
        ("a: &a [*a]\n", "levels"),
        ("a: [1\n", "can't be read"),
        ("? [1, 2]\n: 3\n", "can't be read"),
        (b"a: \xff\xfe\n", "can't be read"),
        ("x: " + "1" * 300_000, "larger than"),
    ],
    ids=["bomb", "cycle", "syntax", "list as a key", "not UTF-8", "large"],
)
def test_a_file_that_cannot_be_read_is_reported_in_one_line(text: str | bytes, words: str, tmp_path: Path) -> None:
    found, problem = read(tmp_path, text)
    assert found == {}
    assert problem is not None
    assert problem.startswith("hparams.yaml")
    assert words in problem
    assert problem.isprintable()


def test_without_a_file_there_are_no_hyperparameters(tmp_path: Path) -> None:
    with Folder.open(tmp_path) as folder:
        assert read_hyperparameters(folder) == ({}, None)


def test_a_damaged_file_is_a_warning_and_the_metrics_are_read(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("step,loss\n3,0.5\n")
    read(tmp_path, "lr: [")
    reader = RunReader(Run(tmp_path))
    snapshot, listed = reader.poll(), summarise_path(tmp_path)
    assert ["hparams.yaml can't be read" in warning.message for warning in snapshot.warnings] == [True]
    assert (snapshot.damage, listed.damage, listed.step) == (None, None, 3)
    read(tmp_path, "lr: 0.25")
    assert reader.poll().warnings == ()
