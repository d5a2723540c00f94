"""Show a label audit: a summary, a table of findings, and all findings as CSV."""

import csv
import io
from collections.abc import Collection, Iterable, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fashion_tui.schema.audit import Audit, Finding, FindingKind, ImageKey, LabelledImage, Mark
from fashion_tui.schema.dataset import SYNTHETIC_NOTICE, SkippedFile
from fashion_tui.schema.text import csv_cell

from .formatting import format_percent, printable
from .glyphs import Glyphs, terminal_glyphs
from .style import ATTENTION, MUTED

KINDS: dict[FindingKind, str] = {
    "exact": "exact duplicates",
    "near": "near duplicates",
    "label": "suspicious labels",
}
"""Names of the kinds of findings, in the order in which they are shown."""

LISTED = 10
"""Maximum number of findings of each kind in the report."""

MAX_LISTED_IMAGES = 4
"""Maximum number of images of a group that are listed in the table."""

CSV_HEADER = ("kind", "finding", "score", "split", "index", "label", "suggested", "mark", "file")


def audit_report(
    audit: Audit, marks: Collection[Mark], files: Mapping[ImageKey, str], skipped: Sequence[SkippedFile] = ()
) -> RenderableType:
    """Return the summary of an audit, a table of the first findings of each kind, and the first skipped files.

    Findings whose images have all been marked aren't in the tables. `files` contains the path of each image's file. It
    is empty if the images aren't separate files.
    """
    glyphs = terminal_glyphs()
    title = Text.assemble((printable(audit.ref.short_name, glyphs), "bold"), (f" · {audit.images:,} images", MUTED))
    parts: list[RenderableType] = [title]
    if audit.ref.name == "synthetic":
        parts.append(Text(SYNTHETIC_NOTICE, ATTENTION))
    parts += [Text(line) for line in summary_lines(audit, marks)]
    marked = {mark.key for mark in marks}
    for kind, name in KINDS.items():
        findings = [each for each in audit.of_kind(kind) if any(image.key not in marked for image in each.images)]
        if findings:
            shown = f" (the first {LISTED} of {len(findings):,} without marks)" if len(findings) > LISTED else ""
            parts += [Text(), Text(f"{name}{shown}", MUTED), _table(audit, findings[:LISTED], files, glyphs)]
    return Group(*parts, *_skipped_lines(skipped, glyphs))


def _skipped_lines(skipped: Sequence[SkippedFile], glyphs: Glyphs) -> list[Text]:
    if not skipped:
        return []
    shown = f" (the first {LISTED} of {len(skipped):,}; --json lists all)" if len(skipped) > LISTED else ""
    files = (Text(f"{printable(file.path, glyphs)}: {printable(file.reason, glyphs)}") for file in skipped[:LISTED])
    return [Text(), Text(f"skipped files and folders{shown}", MUTED), *files]


def summary_lines(audit: Audit, marks: Iterable[Mark]) -> list[str]:
    """Return a line for each kind of finding with its count, and a line for the marks if there are any."""
    lines = [f"{KINDS[kind]}: {_duplicates_summary(audit.of_kind(kind))}" for kind in ("exact", "near")]
    lines.append(f"{KINDS['label']}: {_labels_summary(audit)}")
    verdicts = [mark.verdict for mark in marks]
    if verdicts:
        mislabelled = verdicts.count("mislabelled")
        lines.append(f"marks: {mislabelled:,} mislabelled, {len(verdicts) - mislabelled:,} dismissed")
    return lines


def audit_csv(audit: Audit, marks: Iterable[Mark], files: Mapping[ImageKey, str]) -> str:
    """Return all findings as CSV, with a row for each image.

    The images of a group of duplicates have the same number in the column `finding`. For `files`, see `audit_report`.
    """
    verdicts = {mark.key: mark.verdict for mark in marks}
    names = [csv_cell(name) for name in audit.classes]
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    for number, finding in enumerate(audit.findings):
        suggested = "" if finding.suggested is None else names[finding.suggested]
        for image in finding.images:
            writer.writerow(
                (
                    finding.kind,
                    number,
                    f"{finding.score:.6f}",
                    image.split,
                    image.index,
                    names[image.label],
                    suggested,
                    verdicts.get(image.key, ""),
                    csv_cell(files.get(image.key, "")),
                )
            )
    return output.getvalue()


def _duplicates_summary(findings: Sequence[Finding]) -> str:
    if not findings:
        return "none"
    images = sum(len(finding.images) for finding in findings)
    parts = [
        f"{images:,} images in {_count(len(findings), 'group')}",
        f"{sum(finding.crosses_splits for finding in findings):,} with training and test images",
        f"{sum(finding.labels_differ for finding in findings):,} with different labels",
    ]
    return ", ".join(parts)


def _labels_summary(audit: Audit) -> str:
    if audit.accuracy is None:
        return "not judged, because there are too few training images or only one class"
    findings = audit.of_kind("label")
    test = sum(finding.images[0].split == "test" for finding in findings)
    return (
        f"{_count(len(findings) - test, 'training image')} and {_count(test, 'test image')} "
        f"(the networks predicted {format_percent(audit.accuracy)} of all labels correctly)"
    )


def _table(audit: Audit, findings: Sequence[Finding], files: Mapping[ImageKey, str], glyphs: Glyphs) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style=MUTED)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("images", overflow="fold")
    table.add_column("label", overflow="fold")
    is_label = findings[0].kind == "label"
    if is_label:
        table.add_column("suggested", overflow="fold")
    names = [printable(name, glyphs) for name in audit.classes]
    for finding in findings:
        labels = dict.fromkeys(names[image.label] for image in finding.images)
        row = [f"{finding.score:.4f}", _images_text(finding.images, files, glyphs), " / ".join(labels)]
        if finding.suggested is not None:
            row.append(names[finding.suggested])
        table.add_row(*map(Text, row))
    return table


def _images_text(images: Sequence[LabelledImage], files: Mapping[ImageKey, str], glyphs: Glyphs) -> str:
    """Return at most MAX_LISTED_IMAGES images as `train:12 test:4`, the form in which commands accept them.

    If the images are files, there is a line for each image, with its path.
    """
    listed = [f"{image.split}:{image.index}" for image in images[:MAX_LISTED_IMAGES]]
    if files:
        paths = [printable(files.get(image.key, ""), glyphs) for image in images[:MAX_LISTED_IMAGES]]
        listed = [f"{name} {path}" for name, path in zip(listed, paths, strict=True)]
    if len(images) > MAX_LISTED_IMAGES:
        listed.append(f"and {len(images) - MAX_LISTED_IMAGES:,} more")
    return ("\n" if files else " ").join(listed)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
