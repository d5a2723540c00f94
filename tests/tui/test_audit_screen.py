"""The label audit in the Data pane: a stored audit of synthetic images, and one that is cancelled."""

import csv
import shlex
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot

from fashion_tui.data.audits import store_audit
from fashion_tui.data.marks import mark_images, mislabelled_training_images, read_marks
from fashion_tui.data.sources import SYNTHETIC, SYNTHETIC_INFO
from fashion_tui.lab.data.datasets import Dataset, load
from fashion_tui.report.glyphs import UNICODE
from fashion_tui.schema.audit import Audit, Finding, LabelledImage, Mark
from fashion_tui.schema.dataset import DEFAULT_DATASET, DatasetRef, Fit, Split
from fashion_tui.schema.requests import GetShapes
from fashion_tui.schema.shapes import ShapeTable
from fashion_tui.tui.app import FashionApp
from fashion_tui.tui.data.audit_marks import marks_line, train_command
from fashion_tui.tui.data.audit_screen import AuditScreen
from fashion_tui.tui.data.findings import FILTERS, finding_row, finding_title, matches, ranked
from fashion_tui.tui.data.save_audit import suggested_name
from fashion_tui.tui.dialogs.save import SaveDialog
from fashion_tui.tui.lab_app import Settings
from fashion_tui.tui.widgets.image_tiles import ImageTiles
from tests.tui.pilots import screen_text, until
from tests.tui.shared_engines import create_app

in_app = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("engines", "no_kernel")]


@pytest.fixture(autouse=True)
def _no_audits(state_home: Path) -> None:
    """Remove the audits and marks of earlier tests."""
    for name in ("audits", "marks"):
        shutil.rmtree(state_home / "fashion-tui" / name, ignore_errors=True)


def in_the_app(test: Callable[..., Any]) -> Callable[..., Any]:
    """Run a test in the event loop of the shared engines."""
    for mark in in_app:
        test = mark(test)
    return test


@pytest.fixture(scope="module")
def synthetic() -> Dataset:
    return load(SYNTHETIC)


def image(dataset: Dataset, split: Split, index: int) -> LabelledImage:
    images = dataset.train if split == "train" else dataset.test
    return LabelledImage(split=split, index=index, label=int(images.labels[index]))


def audit_of(dataset: Dataset) -> Audit:
    """Return an audit with a finding of each kind. The scores are in another order than the findings."""
    suspect = image(dataset, "train", 7)
    findings = (
        Finding(kind="exact", images=(image(dataset, "train", 3), image(dataset, "test", 4)), score=1.0),
        Finding(kind="exact", images=(image(dataset, "train", 5), image(dataset, "train", 6)), score=1.0),
        Finding(kind="near", images=tuple(image(dataset, "test", index) for index in range(40)), score=0.9961),
        Finding(kind="label", images=(suspect,), score=0.9987, suggested=(suspect.label + 1) % 10),
    )
    return Audit(ref=SYNTHETIC, classes=SYNTHETIC_INFO.classes, images=14_000, findings=findings, accuracy=0.9)


@asynccontextmanager
async def audit_screen(
    folder: Path, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[tuple[FashionApp, Pilot[None]]]:
    """Open the audit of the synthetic data set."""
    app = create_app(Settings(folder / "runs", dataset="synthetic"))
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: app.dataset is not None, "the data set")
        await pilot.press("f3")
        await until(pilot, lambda: isinstance(app.focused, ImageTiles) and "Coat" in screen_text(app), "images")
        await pilot.press("E")
        await until(pilot, lambda: isinstance(app.screen, AuditScreen), "the audit")
        yield app, pilot


def test_filters_and_the_order_by_score(synthetic: Dataset) -> None:
    audit = audit_of(synthetic)
    assert ranked(audit, "all") == [0, 1, 3, 2]
    assert {key: ranked(audit, key) for key in FILTERS if key != "all"} == {
        "label": [3],
        "exact-across": [0],
        "exact-within": [1],
        "near-across": [],
        "near-within": [2],
    }
    assert all(sum(matches(finding, key) for key in FILTERS) == 2 for finding in audit.findings)


def test_hostile_class_names_are_shown_on_one_printable_line(synthetic: Dataset) -> None:
    names = ("evil\x1b[2J\n", "x" * 200, *SYNTHETIC_INFO.classes[2:])
    finding = Finding(kind="label", images=(LabelledImage(split="train", index=0, label=0),), score=0.75, suggested=1)
    for text in (finding_row(finding, names, {}, UNICODE), finding_title(finding, names, UNICODE)):
        assert text.plain.isprintable()
        assert "evil" in text.plain
        assert text.cell_len < 120
    assert "0.2500" in finding_title(finding, names, UNICODE).plain
    ref = msgspec.structs.replace(SYNTHETIC, name="folder", directory="/a/b\x1b $x")
    assert suggested_name(ref, "now") == "b-x-audit-now.csv"


def test_rows_separate_the_class_from_the_number_of_images() -> None:
    images = tuple(LabelledImage(split="train", index=index, label=1) for index in (4, 9))
    near = Finding(kind="near", images=images, score=0.99)
    assert finding_row(near, ("0", "1"), {}, UNICODE).plain.endswith("near  2 images in train: 1")
    other = LabelledImage(split="test", index=0, label=0)
    assert (
        "3 images in train + test, labels differ"
        in finding_row(msgspec.structs.replace(near, images=(*images, other)), ("0", "1"), {}, UNICODE).plain
    )


def test_the_command_is_shown_only_if_it_would_leave_out_images() -> None:
    test_image = Mark(split="test", index=1, verdict="mislabelled", time=0.0)
    dismissed = [Mark(split="train", index=index, verdict="dismissed", time=0.0) for index in range(3)]
    command = "fashion-tui train --without-marked"
    assert (
        marks_line([test_image, *dismissed], command, 120).plain
        == "marks: 1 mislabelled (1 in the test set), 3 dismissed"
    )
    training_image = Mark(split="train", index=7, verdict="mislabelled", time=0.0)
    for width in (80, 120):
        line = marks_line([training_image, test_image], command, width)
        assert line.plain.startswith("marks: 2 mislabelled (1 in the test set), 0 dismissed")
        assert line.plain.endswith(command)
        assert all(part.cell_len <= width for part in line.split())
    two_lines = marks_line([training_image], command, len("marks: 1 mislabelled, 0 dismissed") + len(command))
    assert two_lines.plain.split("\n") == ["marks: 1 mislabelled, 0 dismissed", command]


def test_the_command_names_the_data_set() -> None:
    def command(name: str, directory: str | None = None, size: int | None = None, fit: Fit | None = None) -> str:
        return train_command(DatasetRef(name=name, directory=directory, sha256="a" * 64, image_size=size, fit=fit))

    assert command(DEFAULT_DATASET) == "fashion-tui train --without-marked"
    assert command("mnist") == "fashion-tui train --dataset mnist --without-marked"
    assert command("folder", "/a/my cats", 32, "pad") == "fashion-tui train --dataset '/a/my cats' --without-marked"
    words = shlex.split(command("folder", "/a/it's", 64, "crop"))
    assert words[2:] == ["--dataset", "/a/it's", "--image-size", "64", "--fit", "crop", "--without-marked"]


@in_the_app
@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_findings_are_shown_marked_and_saved(tmp_path: Path, synthetic: Dataset, size: tuple[int, int]) -> None:
    mark_images(SYNTHETIC, [("test", 99)], "dismissed")
    audit = audit_of(synthetic)
    store_audit(audit)
    async with audit_screen(tmp_path, size) as (app, pilot):
        grid = app.screen.query_one(ImageTiles)

        def shows(*keys: tuple[Split, int]) -> bool:
            expected = [
                (synthetic.train if split == "train" else synthetic.test).pixels[index] for split, index in keys
            ]
            pixels = [image.numpy().tobytes() for image in expected]
            return [tile.picture.pixels for tile in grid.tiles[: len(keys)]] == pixels

        await until(pilot, lambda: "4 findings" in screen_text(app) and shows(("train", 3), ("test", 4)), "the group")
        assert "identical pixels" in screen_text(app)
        await pilot.press("right", "!")  # the test image of the group
        await until(pilot, lambda: "(1 in the test set), 1 dismissed" in screen_text(app), "the mark")
        assert "--without-marked" not in screen_text(app), "no training image is marked"
        await pilot.press("down", "d")
        await until(pilot, lambda: "(1 in the test set), 3 dismissed" in screen_text(app), "a dismissed group")
        await pilot.press("down")
        await until(pilot, lambda: shows(("train", 7)), "the suspicious image")
        suspect = audit.findings[3]
        names = SYNTHETIC_INFO.classes
        assert f"labelled {names[suspect.images[0].label]}" in screen_text(app)
        await until(pilot, lambda: len(grid.tiles) > 2, "examples")
        shown = {tile.labels[0].plain for tile in grid.tiles[1:]}
        assert shown == {names[suspect.images[0].label], names[suspect.suggested or 0]}
        for _ in range(3):  # the second removes the mark
            await pilot.press("!")
        await until(
            pilot, lambda: "train --dataset synthetic --without-marked" in screen_text(app), "how to train without it"
        )
        assert mislabelled_training_images(SYNTHETIC) == (7,)

        await pilot.press("down")  # a group with more images than tiles
        await until(pilot, lambda: shows(("test", 0)), "the first images of the group")
        room = len(grid.tiles)
        assert room < 40
        await pilot.press(*["right"] * room)
        await until(pilot, lambda: shows(("test", room)), "the images that follow")
        await pilot.press("up", "u")
        await until(
            pilot,
            lambda: "marks: 1 mislabelled (1 in the test set), 3 dismissed" in screen_text(app),
            "the mark removed",
        )

        await pilot.press("tab")
        await until(pilot, lambda: FILTERS["label"] in screen_text(app), "another filter")
        assert app.screen.query_one("#findings").virtual_size.height == 1
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, SaveDialog), "the dialog")
        file = tmp_path / "findings.csv"
        await pilot.press("ctrl+a", "ctrl+k", *str(file), "enter")
        await until(pilot, file.exists, "the file")
        await until(pilot, lambda: isinstance(app.screen, AuditScreen), "the audit again")
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, AuditScreen), "the pane")
    rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 2 + 2 + 40 + 1
    verdicts = {(row["split"], int(row["index"])): row["mark"] for row in rows if row["mark"]}
    assert verdicts == {("test", 4): "mislabelled", ("train", 5): "dismissed", ("train", 6): "dismissed"}
    assert {mark.key for mark in read_marks(SYNTHETIC)} == {*verdicts, ("test", 99)}


@in_the_app
async def test_an_audit_can_be_cancelled_and_started_again(tmp_path: Path) -> None:
    async with audit_screen(tmp_path, (80, 24)) as (app, pilot):
        await until(pilot, lambda: "auditing" in screen_text(app) and "000 images" in screen_text(app), "progress")
        await app.engine.ask(GetShapes(model="guide"), ShapeTable)
        assert "auditing" in screen_text(app), "the app's engine doesn't wait for the audit"
        await pilot.press("escape")
        await until(pilot, lambda: "was cancelled" in screen_text(app), "the message")
        await pilot.press("enter")
        await until(pilot, lambda: "auditing" in screen_text(app), "the audit again")
        await pilot.press("escape", "escape")
        await until(pilot, lambda: not isinstance(app.screen, AuditScreen), "the pane")
