"""The user's marks on the images of a run's data set."""

from pathlib import Path

from fashion_tui.data.marks import read_marks, toggle_mislabelled
from fashion_tui.runs.run import Run
from fashion_tui.schema.audit import ImageKey, Mark


def mislabelled_images(run_path: Path) -> frozenset[ImageKey]:
    """Return the images of a run's data set that are marked as mislabelled.

    This reads files, so call it in a thread. Raises UserError if a file can't be read.
    """
    with Run(run_path) as run:
        return _mislabelled(read_marks(run.config.dataset))


def toggle_mark(run_path: Path, image: ImageKey) -> frozenset[ImageKey]:
    """Mark an image as mislabelled, or remove its mark. Return all images that are marked as mislabelled.

    This writes files, so call it in a thread. Raises UserError if a file can't be read or written.
    """
    with Run(run_path) as run:
        return _mislabelled(toggle_mislabelled(run.config.dataset, image))


def _mislabelled(marks: tuple[Mark, ...]) -> frozenset[ImageKey]:
    return frozenset(mark.key for mark in marks if mark.verdict == "mislabelled")
