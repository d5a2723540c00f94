"""The findings of a label audit in the audit view: filters, rows of the list, and the images of a finding."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, overload

import numpy as np
from rich.text import Text

from fashion_tui.data.stored import StoredDataset
from fashion_tui.report.class_names import short_class_name
from fashion_tui.report.formatting import printable
from fashion_tui.report.glyphs import Glyphs
from fashion_tui.report.style import ACCENT, ATTENTION, BAD, FOREGROUND, GOOD, MUTED
from fashion_tui.schema.audit import Audit, Finding, ImageKey, LabelledImage, Verdict
from fashion_tui.schema.dataset import Split
from fashion_tui.schema.picture import Picture
from fashion_tui.tui.widgets.image_tiles import Tile

Filter = Literal["all", "label", "exact-across", "exact-within", "near-across", "near-within"]

FILTERS: dict[Filter, str] = {
    "all": "all findings",
    "label": "suspicious labels",
    "exact-across": "exact duplicates across train and test",
    "exact-within": "exact duplicates within train or test",
    "near-across": "near duplicates across train and test",
    "near-within": "near duplicates within train or test",
}
"""Titles of the filters, in the order in which a key cycles through them."""

KIND_WIDTH = 5
NAME_WIDTH = 16
"""Maximum width of a class name in the list, in columns."""

LABEL_LINES = 3
"""Number of lines below each image: class, split and index, and suggestion or mark."""

Marks = Mapping[ImageKey, Verdict]


def matches(finding: Finding, chosen: Filter) -> bool:
    """Return whether a filter shows a finding."""
    if chosen == "all":
        return True
    if finding.kind == "label":
        return chosen == "label"
    return chosen == f"{finding.kind}-{'across' if finding.crosses_splits else 'within'}"


def ranked(audit: Audit, chosen: Filter) -> list[int]:
    """Return the indices of the findings that a filter shows, in order of decreasing score."""
    indices = [index for index, finding in enumerate(audit.findings) if matches(finding, chosen)]
    return sorted(indices, key=lambda index: -audit.findings[index].score)


class LazyRows(Sequence[Text]):
    """Rows that are created when they are accessed, because only the visible rows are accessed."""

    def __init__(self, count: int, make: Callable[[int], Text]) -> None:
        self._count = count
        self._make = make

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Text: ...

    @overload
    def __getitem__(self, index: slice) -> list[Text]: ...

    def __getitem__(self, index: int | slice) -> Text | list[Text]:
        if isinstance(index, slice):
            return [self._make(row) for row in range(*index.indices(self._count))]
        return self._make(index)


def finding_row(finding: Finding, names: Sequence[str], marks: Marks, glyphs: Glyphs) -> Text:
    """Return a row such as `0.9876 ✕ label  Shirt > T-shirt/top`. The glyph shows the user's marks."""
    row = Text(f"{finding.score:.4f} ", MUTED, no_wrap=True).append_text(_mark_glyph(finding, marks, glyphs))
    row.append(f" {finding.kind:<{KIND_WIDTH}} ", ACCENT if finding.kind == "label" else MUTED)
    if finding.suggested is not None:
        given, suggested = (
            short_class_name(names, label, NAME_WIDTH, glyphs) for label in (finding.images[0].label, finding.suggested)
        )
        row.append(given, FOREGROUND).append(" > ", MUTED).append(suggested, FOREGROUND)
        return row
    row.append(f"{len(finding.images)} images", FOREGROUND).append(" in ", MUTED)
    row.append("train + test" if finding.crosses_splits else finding.images[0].split, FOREGROUND)
    if finding.labels_differ:
        row.append(", labels differ", ATTENTION)
    else:
        row.append(": ", MUTED).append(short_class_name(names, finding.images[0].label, NAME_WIDTH, glyphs), FOREGROUND)
    return row


def _mark_glyph(finding: Finding, marks: Marks, glyphs: Glyphs) -> Text:
    verdicts = [marks.get(image.key) for image in finding.images]
    if "mislabelled" in verdicts:
        return Text(glyphs.bad, BAD)
    return Text(glyphs.good, GOOD) if None not in verdicts else Text(" ")


def finding_title(finding: Finding, names: Sequence[str], glyphs: Glyphs) -> Text:
    """Return a sentence about a finding."""
    if finding.suggested is not None:
        given, suggested = (
            short_class_name(names, label, NAME_WIDTH, glyphs) for label in (finding.images[0].label, finding.suggested)
        )
        parts: tuple[tuple[str, str], ...] = (
            ("labelled ", MUTED), (given, FOREGROUND), (", looks like ", MUTED), (suggested, FOREGROUND),
            (f"; probability of the label {1 - finding.score:.4f}", MUTED),
        )  # fmt: skip
        return Text.assemble(*parts, no_wrap=True)
    same = "identical pixels" if finding.kind == "exact" else f"correlation at least {finding.score:.4f}"
    text = Text(f"{len(finding.images):,} images", FOREGROUND, no_wrap=True).append(f": {same}", MUTED)
    return text.append(", different labels", ATTENTION) if finding.labels_differ else text


def finding_images(finding: Finding, first: int, columns: int, rows: int) -> tuple[list[LabelledImage], int]:
    """Return the images of a finding that are shown, from image `first`, and the number of free tiles beside them."""
    available = max(columns * rows, 1)
    shown = list(finding.images[first : first + available])
    return shown, available - len(shown) if finding.suggested is not None else 0


def example_images(
    dataset: StoredDataset, finding: Finding, suspicious: frozenset[ImageKey], columns: int, rows: int
) -> list[LabelledImage]:
    """Return training images of a suspicious image's given class and of its suggested class, for comparison.

    Images that are suspicious themselves are left out. The given class fills the row of the suspicious image, and the
    suggested class the next row; with a single row, they share it.
    """
    if finding.suggested is None:
        return []
    given = columns - 1 if rows > 1 else (columns - 1) // 2
    suggested = columns if rows > 1 else columns - 1 - given
    wanted = ((finding.images[0].label, given), (finding.suggested, suggested))
    return [
        LabelledImage(split="train", index=index, label=label)
        for label, count in wanted
        for index in _unsuspicious(dataset, label, count, suspicious)
    ]


def _unsuspicious(dataset: StoredDataset, label: int, count: int, suspicious: frozenset[ImageKey]) -> list[int]:
    chosen: list[int] = []
    for index in np.flatnonzero(dataset.train.labels == label):
        if len(chosen) >= count:
            break
        if ("train", int(index)) not in suspicious:
            chosen.append(int(index))
    return chosen


def make_tiles(
    dataset: StoredDataset, images: Sequence[LabelledImage], finding: Finding, marks: Marks, glyphs: Glyphs
) -> list[Tile]:
    """Read images, and return their tiles. Images that don't belong to the finding are examples of a class."""
    own = {image.key for image in finding.images}
    names, tiles = dataset.info.classes, []
    for image in images:
        line = Text(f"{image.split} {image.index:,}", MUTED, no_wrap=True)
        name = Text(printable(names[image.label], glyphs), FOREGROUND if image.key in own else MUTED, no_wrap=True)
        note = _note(image, finding, marks, names, glyphs) if image.key in own else Text("example", MUTED)
        tiles.append(Tile(_picture(dataset, image.split, image.index), (name, line, note)))
    return tiles


def _note(image: LabelledImage, finding: Finding, marks: Marks, names: Sequence[str], glyphs: Glyphs) -> Text:
    """Return the mark on an image or, if it has none, its suggested class."""
    verdict = marks.get(image.key)
    if verdict is not None:
        glyph, style = (glyphs.bad, BAD) if verdict == "mislabelled" else (glyphs.good, GOOD)
        return Text(f"{glyph} {verdict}", style, no_wrap=True)
    if finding.suggested is None:
        return Text()
    return Text(f"> {printable(names[finding.suggested], glyphs)}", ATTENTION, no_wrap=True)


def _picture(dataset: StoredDataset, split: Split, index: int) -> Picture:
    pixels = dataset.split(split).pixels[index]
    channels, height, width = pixels.shape
    return Picture(pixels.tobytes(), (channels, height, width))
