"""`fashion-tui audit`."""

from collections.abc import Mapping
from typing import Any

import click
import msgspec

from fashion_tui.cli.engine import ask_engine
from fashion_tui.cli.field_options import field_options
from fashion_tui.cli.inputs import check_device, find_dataset
from fashion_tui.cli.options import CommonOptions, common_options, json_option
from fashion_tui.cli.output import note_synthetic, print_line, show, write_json
from fashion_tui.data.audits import stored_audit
from fashion_tui.data.datasets import image_files
from fashion_tui.data.marks import read_marks
from fashion_tui.report.audit import audit_csv, audit_report
from fashion_tui.schema.audit import Audit, Finding, ImageKey
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.paths import user_path
from fashion_tui.schema.requests import AuditDataset
from fashion_tui.schema.run import RunConfig
from fashion_tui.target import target_file, write_target


@click.command(
    "audit",
    epilog="""\b
Examples:
  fashion-tui audit
  fashion-tui audit --dataset photos/ --csv findings.csv
  fashion-tui audit --json | jq '.findings[] | select(.kind == "label" and .score > 0.9)'
\b
Exact duplicates have identical pixels. Near duplicates have pixels with a correlation of at least 0.995. To
judge the labels, networks are trained with the recipe quick, each on a part of the training images, and predict
the classes of the images that they haven't seen. Confident learning (Northcutt et al. 2021) estimates how many
labels of each class are wrong; the least probable ones are listed. The result is stored: it is computed again only
if the images change.
\b
The JSON object has these fields:
  dataset, sha256   name of the data set, and SHA-256 of its images and labels
  classes           names of the classes; labels are indices into this list
  images            number of training images and test images
  accuracy          fraction of labels that were predicted correctly, or null if the labels can't be judged
  findings          [{"kind": "exact"|"near"|"label", "score",
                      "images": [{"split": "train"|"test", "index", "label", "file": path|null}],
                      "suggested": label|null}]
  marks             [{"split", "index", "verdict": "mislabelled"|"dismissed", "time"}]
  skipped           [{"path", "reason"}], the files of a folder that can't be read
The score of duplicates is the lowest correlation between the first image and another one. The score of a
label is 1 minus its predicted probability.""",
)
@click.option("--csv", "csv_file", type=click.Path(), metavar="FILE", help="Also write all findings to FILE as CSV.")
@field_options(RunConfig, only={"device"})
@json_option
@common_options
def audit_command(*, common: CommonOptions, as_json: bool, csv_file: str | None, device: str) -> None:
    """Find duplicate images and suspicious labels in a data set.

    The images of the training set and the test set are compared with each other. Files that can't be read are listed.
    Mark wrong labels with fashion-tui mark, and train without them with fashion-tui train --without-marked.
    """
    file = None if csv_file is None else target_file(user_path(csv_file, "--csv"), "--csv")
    check_device(device)
    dataset = find_dataset(common)
    ref = dataset.ref
    audit = _audit(ref, device)
    marks, files = read_marks(ref), image_files(ref)
    if file is not None:
        write_target(file, audit_csv(audit, marks, files).encode())
    note_synthetic(ref.name)
    if as_json:
        write_json(
            {
                "dataset": ref.short_name,
                "sha256": ref.sha256,
                "classes": audit.classes,
                "images": audit.images,
                "accuracy": audit.accuracy,
                "findings": [_json(finding, files) for finding in audit.findings],
                "marks": msgspec.to_builtins(marks),
                "skipped": msgspec.to_builtins(dataset.skipped),
            }
        )
    else:
        show(audit_report(audit, marks, files, dataset.skipped))
        if file is not None:
            print_line(f"all findings: {file}")


def _audit(ref: DatasetRef, device: str) -> Audit:
    stored = stored_audit(ref)
    return ask_engine(AuditDataset(ref=ref, device=device), Audit, "auditing") if stored is None else stored


def _json(finding: Finding, files: Mapping[ImageKey, str]) -> dict[str, Any]:
    """Return a finding for the JSON output, with the path of each image's file."""
    images = [msgspec.to_builtins(image) | {"file": files.get(image.key)} for image in finding.images]
    fields: dict[str, Any] = msgspec.to_builtins(finding)
    return fields | {"images": images}
