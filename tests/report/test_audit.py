"""The report of a label audit, and its CSV."""

import csv
import io

import pytest
from rich.console import Console, RenderableType

from fashion_tui.report.audit import LISTED, audit_csv, audit_report, summary_lines
from fashion_tui.schema.audit import Audit, Finding, ImageKey, LabelledImage, Mark
from fashion_tui.schema.dataset import DatasetRef, SkippedFile, Split
from fashion_tui.schema.text import csv_cell


def image(split: Split, index: int, label: int) -> LabelledImage:
    return LabelledImage(split=split, index=index, label=label)


FINDINGS = (
    Finding(kind="exact", images=(image("train", 3, 0), image("test", 4, 1)), score=1.0),
    Finding(kind="near", images=tuple(image("train", index, 2) for index in range(10, 17)), score=0.99612),
    Finding(kind="near", images=(image("train", 1, 2), image("train", 2, 2)), score=0.99512),
    Finding(kind="label", images=(image("test", 9, 1),), score=0.98765, suggested=2),
)
AUDIT = Audit(
    ref=DatasetRef(name="fashion-mnist", directory="/data", sha256="ab" * 32),
    classes=("Coat", "=HYPERLINK(1)", "evil\x1b[31m"),
    images=1234,
    findings=FINDINGS,
    accuracy=0.9123,
)
FILES: dict[ImageKey, str] = {("train", 3): "=a.png", ("test", 4): "b\x07.png"}
MARKS = (
    Mark(split="train", index=3, verdict="mislabelled", time=1.0),
    Mark(split="test", index=9, verdict="dismissed", time=2.0),
)


def rendered(renderable: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=100)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def test_the_summary_counts_groups_images_and_marks() -> None:
    exact, near, labels, marks = summary_lines(AUDIT, MARKS)
    assert "2 images in 1 group, 1 with training and test images, 1 with different labels" in exact
    assert "9 images in 2 groups, 0 with training and test images, 0 with different labels" in near
    assert "0 training images and 1 test image " in labels
    assert "91.2 %" in labels
    assert "1 mislabelled, 1 dismissed" in marks
    assert len(summary_lines(AUDIT, ())) == 3


def test_a_data_set_whose_labels_cannot_be_judged_says_so() -> None:
    audit = Audit(ref=AUDIT.ref, classes=("a",), images=2, findings=(), accuracy=None)
    exact, near, labels = summary_lines(audit, ())
    assert exact.endswith("none")
    assert near.endswith("none")
    assert "not judged" in labels


def test_the_tables_name_the_images_as_commands_accept_them() -> None:
    text = rendered(audit_report(AUDIT, MARKS, {}))
    assert "train:3 test:4" in text
    assert "train:10 train:11 train:12 train:13 and 3 more" in text
    row = next(line.split() for line in rendered(audit_report(AUDIT, (), {})).splitlines() if "test:9" in line)
    assert row[0] == "0.9877"
    assert row[2] == "=HYPERLINK(1)"
    assert "test:9" not in text, "the user has judged it"
    assert "\x1b" not in text


def test_the_tables_name_the_files_of_a_folder() -> None:
    text = rendered(audit_report(AUDIT, MARKS, FILES))
    assert "train:3 =a.png" in text
    assert "test:4 b\N{REPLACEMENT CHARACTER}.png" in text


def test_only_the_first_findings_of_a_kind_are_listed() -> None:
    many = tuple(
        Finding(kind="label", images=(image("train", index, 0),), score=0.9, suggested=1) for index in range(LISTED + 1)
    )
    text = rendered(
        audit_report(Audit(ref=AUDIT.ref, classes=AUDIT.classes, images=50, findings=many, accuracy=1), (), {})
    )
    assert f"train:{LISTED - 1}" in text
    assert f"train:{LISTED} " not in text
    assert f"the first {LISTED} of {LISTED + 1} " in text


def test_the_csv_has_a_row_for_each_image_and_no_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(audit_csv(AUDIT, MARKS, FILES))))
    assert len(rows) == 2 + 7 + 2 + 1
    assert rows[0] == {
        "kind": "exact", "finding": "0", "score": "1.000000", "split": "train", "index": "3", "label": "Coat",
        "suggested": "", "mark": "mislabelled", "file": "'=a.png",
    }  # fmt: skip
    assert rows[1]["label"] == "'=HYPERLINK(1)"
    assert (rows[-1]["suggested"], rows[-1]["mark"]) == ("evil�[31m", "dismissed")
    assert [row["finding"] for row in rows] == ["0", "0", *"1" * 7, "2", "2", "3"]


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@SUM(1)", "\t=1", " =1", "\r\n-1"])
def test_a_cell_that_a_spreadsheet_would_run_gets_a_quote(text: str) -> None:
    assert csv_cell(text).startswith("'")
    assert "\n" not in csv_cell(text)


def test_other_cells_are_unchanged() -> None:
    assert [csv_cell(text) for text in ("T-shirt/top", "Größe 5", "a=b", "")] == ["T-shirt/top", "Größe 5", "a=b", ""]


def test_the_first_skipped_files_are_listed() -> None:
    files = [SkippedFile(path=f"cat/{index}.txt", reason="not an image") for index in range(LISTED + 1)]
    text = rendered(audit_report(AUDIT, (), {}, files))
    assert f"cat/{LISTED - 1}.txt: not an image" in text
    assert f"cat/{LISTED}.txt" not in text
    assert f"the first {LISTED} of {LISTED + 1}; --json lists all" in text
    assert "skipped" not in rendered(audit_report(AUDIT, (), {}))
