"""The field of the form that leaves marked images out of the training set."""

from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.fields import About, Field
from fashion_tui.schema.run import RUN, RunConfig, short_name

from .row import FieldRow

NAME = "without_marked"


class LeftOutRow(FieldRow):
    """Asks whether the run leaves training images out.

    These are the ones that are marked as mislabelled, unless a run with the same images is repeated that leaves some
    out. The default is then to leave out the same ones.
    """

    def __init__(self, images: tuple[int, ...], like: RunConfig | None) -> None:
        """`images` are the indices of the images. `like` is the run that is repeated if it leaves them out."""
        count = f"{len(images):,} {'image' if len(images) == 1 else 'images'}"
        reason = "marked as mislabelled" if like is None else f"that {short_name(like.run)} leaves out"
        about = About("without marked", f"leave out {count} {reason}", RUN)
        super().__init__(Field(NAME, bool, about, ()), like is not None, "default" if like is None else "original")
        self._images = images

    @property
    def images(self) -> tuple[int, ...]:
        """Indices of the training images that the run leaves out."""
        return self._images if self.value() else ()


def left_out_row(dataset: DatasetRef, marked: tuple[int, ...], like: RunConfig | None) -> LeftOutRow | None:
    """Return the row, or None if the run wouldn't leave out any images.

    `marked` are the indices of the training images that are marked as mislabelled, and `like` is the run that is
    repeated.
    """
    if like is not None and like.left_out and like.dataset.sha256 == dataset.sha256:
        return LeftOutRow(like.left_out, like)
    return LeftOutRow(marked, None) if marked else None
