"""`audit` and `mark` on a folder of images, and training without the marked images."""

import csv
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fashion_tui.cli.commands import audit, train
from fashion_tui.data.datasets import find, open_prepared
from fashion_tui.data.marks import mark_images
from fashion_tui.lab.audit import cross_validation
from fashion_tui.runs.run import Run
from fashion_tui.schema.dataset import Split

from .conftest import Call, assert_error

COPIED, COPY = "train/south/05", "test/south/00"
WRONG = ("south", 3)
"""Class and number of an image that is in the other class's folder."""


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use empty folders for marks, stored audits and converted data sets, and train for a moment only."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(cross_validation, "MIN_STEPS", 30)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with 36 training and 8 test images of 12×12 pixels in two classes, bright at the top or the bottom.

    One training image is in the wrong class, and one test image is a copy of a training image.
    """
    rng = np.random.default_rng(0)
    folder = tmp_path / "photos"
    for split, count in (("train", 18), ("test", 4)):
        for name in ("-north", "south"):
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 90, (12, 12), dtype=np.uint8)
                is_north = (name == "-north") != (split == "train" and (name, number) == WRONG)
                pixels[2 if is_north else 9] = 230
                Image.fromarray(pixels).save(folder / split / name / f"{number:02}.png")
    (folder / f"{COPY}.png").write_bytes((folder / f"{COPIED}.png").read_bytes())
    return folder


def index_of(photos: Path, name: str, split: Split) -> int:
    """Return the index of a file's image in the data set, found by its pixels."""
    dataset = open_prepared(find(str(photos), image_size=12))
    assert dataset is not None
    pixels = np.array(Image.open(photos / name))
    (index,) = np.flatnonzero((dataset.split(split).pixels[:, 0] == pixels).all(axis=(1, 2)))
    return int(index)


@pytest.mark.covers("audit --json", "audit --csv", "audit --dataset", "audit --device", "audit --image-size")
@pytest.mark.covers("mark --json", "mark --dataset", "mark --image-size")
def test_an_audit_finds_the_wrong_label_and_the_copy(
    call_in_process: Call, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = ("--dataset", str(photos), "--image-size", "12")
    file = tmp_path / "findings.csv"
    (photos / "train" / "south" / "notes.txt").write_text("no image")
    result = call_in_process("audit", *dataset, "--device", "cpu", "--json", "--csv", file)
    assert result.status == 0
    assert result.err.count("\n") == 1
    assert "skipped train/south/notes.txt" in result.err
    found = result.json
    assert list(found) == ["dataset", "sha256", "classes", "images", "accuracy", "findings", "marks", "skipped"]
    assert found["skipped"] == [{"path": "train/south/notes.txt", "reason": "not an image"}]
    assert (found["dataset"], found["classes"], found["images"]) == ("photos", ["-north", "south"], 44)
    assert found["accuracy"] > 0.9
    copied, copy = index_of(photos, f"{COPIED}.png", "train"), index_of(photos, f"{COPY}.png", "test")
    wrong = index_of(photos, "train/south/03.png", "train")
    exact, label = found["findings"][0], next(each for each in found["findings"] if each["kind"] == "label")
    assert exact == {
        "kind": "exact", "score": 1.0, "suggested": None,
        "images": [
            {"split": "train", "index": copied, "label": 1, "file": f"{COPIED}.png"},
            {"split": "test", "index": copy, "label": 1, "file": f"{COPY}.png"},
        ],
    }  # fmt: skip
    assert label["images"] == [{"split": "train", "index": wrong, "label": 1, "file": "train/south/03.png"}]
    assert (label["suggested"], found["marks"]) == (0, [])
    rows = list(csv.DictReader(file.open(newline="")))
    assert len(rows) == sum(len(each["images"]) for each in found["findings"])
    assert next(row for row in rows if row["kind"] == "label")["suggested"] == "'-north"

    monkeypatch.setattr(audit, "ask_engine", None)
    marked = call_in_process("mark", f"train:{wrong}", *dataset, "--json")
    assert [(mark["split"], mark["index"], mark["verdict"]) for mark in marked.json["marks"]] == [
        ("train", wrong, "mislabelled")
    ]
    again = call_in_process("audit", *dataset)
    assert again.status == 0, "the stored result is used"
    assert f"train:{copied} {COPIED}.png" in again.out
    assert "1 mislabelled" in again.out
    assert "train/south/notes.txt: not an image" in again.out
    call_in_process("audit", *dataset, "--csv", file)
    assert "mislabelled" in {row["mark"] for row in csv.DictReader(file.open(newline=""))}
    assert_error(call_in_process("audit", *dataset, "--csv", tmp_path / "none" / "a.csv"), 1, "a.csv", "doesn't exist")


@pytest.mark.covers("audit --data", "audit --runs", "audit --fit", "mark --data", "mark --runs", "mark --fit")
def test_both_commands_use_the_chosen_data_set_and_no_runs(call_in_process: Call, photos: Path, tmp_path: Path) -> None:
    Image.fromarray(np.arange(216, dtype=np.uint8).reshape(12, 18)).save(photos / "train" / "south" / "wide.png")
    runs = tmp_path / "runs"
    dataset = ("--dataset", str(photos), "--image-size", "12", "--runs", str(runs), "--json")
    for fit in ("crop", "pad"):
        marked = call_in_process("mark", "train:1", *dataset, "--fit", fit).json
        audited = call_in_process("audit", *dataset, "--fit", fit).json
        assert audited["sha256"] == marked["sha256"]
        assert audited["marks"] == marked["marks"]
        assert len(marked["marks"]) == 1, "the other fit gives other images"
    assert not runs.exists()
    for command in ("audit", "mark"):
        result = call_in_process(command, "--dataset", "fashion-mnist", "--data", tmp_path / "elsewhere")
        assert_error(result, 1, "elsewhere")


@pytest.mark.covers("audit --device")
def test_an_unknown_device_is_refused_before_the_audit(call_in_process: Call) -> None:
    assert_error(call_in_process("audit", "--dataset", "synthetic", "--device", "tpu"), 2, "'tpu'")


@pytest.mark.covers("mark --dismiss", "mark --remove")
def test_marks_are_listed_replaced_and_removed(call_in_process: Call) -> None:
    def mark(*arguments: str) -> str:
        result = call_in_process("mark", "--dataset", "synthetic", *arguments)
        assert (result.status, result.err) == (0, "")
        return result.out

    assert mark() == "no marks\n"
    assert "2 mislabelled, 0 dismissed" in mark("test:5", "train:11999")
    assert "1 mislabelled, 1 dismissed" in mark("test:5", "--dismiss")
    assert mark() == "train:11999 mislabelled\ntest:5 dismissed\n"
    assert "0 mislabelled, 1 dismissed" in mark("train:11999", "train:1", "--remove")
    assert mark() == "test:5 dismissed\n"


def test_an_image_of_a_folder_is_marked_by_its_path(
    call_in_process: Call, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = ("--dataset", str(photos), "--image-size", "12")
    monkeypatch.chdir(tmp_path)
    paths = ("train/south/03.png", photos / "train" / "south" / "05.png", os.path.relpath(photos / "test/south/00.png"))
    assert call_in_process("mark", *paths, *dataset).out == "marks: 3 mislabelled, 0 dismissed\n"
    marked: list[tuple[Split, str]] = [
        ("train", "train/south/03.png"), ("train", f"{COPIED}.png"), ("test", f"{COPY}.png")
    ]  # fmt: skip
    expected = [f"{split}:{index_of(photos, path, split)} mislabelled {path}" for split, path in marked]
    assert call_in_process("mark", *dataset).out.splitlines() == expected
    assert_error(call_in_process("mark", "train/south/99.png", *dataset), 2, "99.png", "train:INDEX")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("12",), ("'12'", "train:12")),
        (("train:x",), ("'train:x'",)),
        (("train:12000",), ("train:12000", "12,000 train images")),
        (("test:2000",), ("2,000 test images",)),
        (("train:1", "--dismiss", "--remove"), ("--dismiss and --remove",)),
        (("--dismiss",), ("--dismiss", "train:12")),
        (("--remove",), ("--remove", "train:12")),
    ],
)
def test_wrong_arguments_of_mark(call_in_process: Call, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    assert_error(call_in_process("mark", "--dataset", "synthetic", *arguments), 2, *words)
    assert call_in_process("mark", "--dataset", "synthetic").out == "no marks\n"


@pytest.fixture
def create(call_in_process: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """A function that calls `train` with options, but doesn't start the trainer."""
    monkeypatch.setattr(train, "launch", lambda _run, **_: 1)

    def create(*options: object) -> Run:
        result = call_in_process("train", "--detach", "--json", "--runs", tmp_path / "runs", *options)
        assert result.status == 0, result.err
        return Run(Path(result.json["path"]))

    return create


@pytest.mark.covers("train --without-marked")
def test_a_run_stores_which_images_it_leaves_out(
    create: Callable[..., Run], call_in_process: Call, tmp_path: Path
) -> None:
    synthetic = find("synthetic")
    mark_images(synthetic, [("train", 70), ("train", 6), ("test", 5)], "mislabelled")
    mark_images(synthetic, [("train", 8)], "dismissed")
    assert create("--dataset", "synthetic").config.left_out == ()
    run = create("--dataset", "synthetic", "--without-marked", "--name", "clean")
    assert run.config.left_out == (6, 70)

    mark_images(synthetic, [("train", 1)], "mislabelled")
    assert Run(run.path).config.left_out == (6, 70)
    assert create("--like", run.path).config.left_out == (6, 70), "the images of that run, not the current marks"
    assert create("--like", run.path, "--without-marked").config.left_out == (1, 6, 70)
    (tmp_path / "clean.toml").write_text(call_in_process("runs", run.path, "--config").out)
    assert create("--config", tmp_path / "clean.toml").config.left_out == (6, 70)
    (tmp_path / "marked.toml").write_text("without_marked = true\ndataset = 'synthetic'\n")
    assert create("--config", tmp_path / "marked.toml").config.left_out == (1, 6, 70)


def test_marks_that_leave_too_few_images_are_reported(
    create: Callable[..., Run], call_in_process: Call, tmp_path: Path
) -> None:
    train_without = ("train", "--without-marked", "--dataset", "synthetic", "--runs", tmp_path)
    mark_images(find("synthetic"), [("test", 3)], "mislabelled")
    assert_error(call_in_process(*train_without), 2, "no training image of synthetic is marked", "--without-marked")
    assert not [*tmp_path.glob("*/config.json")]
    mark_images(find("synthetic"), [("train", index) for index in range(11_900)], "mislabelled")
    assert "without 11,900 images" in call_in_process(*train_without, "--detach").err
    assert_error(call_in_process(*train_without, "--batch-size", "101"), 2, "batch size is 101", "only 100 images")
    assert_error(call_in_process(*train_without, "--validation", "100"), 2, "marked as mislabelled")


def test_compared_runs_differ_in_the_images_that_they_leave_out(
    create: Callable[..., Run], call_in_process: Call
) -> None:
    runs = [create("--dataset", "synthetic")]
    for index in (3, 4):
        mark_images(find("synthetic"), [("train", index)], "mislabelled")
        runs.append(create("--dataset", "synthetic", "--without-marked"))
    differences = call_in_process("compare", *[run.path for run in runs], "--json").json["differences"]
    assert differences["left_out.images"] == [None, 1, 2]
    assert len(set(differences["left_out.sha256"])) == 3
    assert "left_out" not in differences
