"""The findings of a label audit, and the user's marks on images."""

from typing import Annotated, Literal

import msgspec

from .dataset import DatasetRef, Split

FindingKind = Literal["exact", "near", "label"]
"""`exact` for images with identical pixels, `near` for images that look the same, and `label` for an image whose label
is probably wrong."""

Verdict = Literal["mislabelled", "dismissed"]
"""The user's judgement of an image. `dismissed` means that nothing is wrong with the image."""

ImageKey = tuple[Split, int]
"""The split of an image and its index in the split."""


class LabelledImage(msgspec.Struct, frozen=True, kw_only=True):
    """An image of a data set, and its label."""

    split: Split
    index: int
    """Index of the image in its split."""
    label: int

    @property
    def key(self) -> ImageKey:
        return self.split, self.index


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something in a data set that the user should look at."""

    kind: FindingKind
    images: tuple[LabelledImage, ...]
    """A group of duplicates, training images first; or the one image whose label is probably wrong."""
    score: float
    """Certainty of the finding, at most 1. For duplicates, the lowest correlation between the pixels of the first image
    and those of another image of the group. For a label, 1 minus the predicted probability of the label."""
    suggested: int | None = None
    """The most probable label of the image, or None for duplicates."""

    @property
    def crosses_splits(self) -> bool:
        """Whether the images are in both the training set and the test set."""
        return len({image.split for image in self.images}) > 1

    @property
    def labels_differ(self) -> bool:
        """Whether the images of a group have different labels."""
        return len({image.label for image in self.images}) > 1


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a label audit."""

    ref: DatasetRef
    classes: tuple[str, ...]
    images: int
    """Number of images in the training set and the test set."""
    findings: tuple[Finding, ...]
    """Exact duplicates, near duplicates and labels, each in order of decreasing score."""
    accuracy: float | None
    """Fraction of images, in [0, 1], whose label was predicted by the network that hadn't seen the image. None if the
    data set has too few images or classes to judge the labels."""

    def of_kind(self, kind: FindingKind) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.kind == kind)


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """The user's judgement of one image."""

    split: Split
    index: Annotated[int, msgspec.Meta(ge=0)]
    """Index of the image in its split."""
    verdict: Verdict
    time: float
    """Unix time at which the user marked the image."""

    @property
    def key(self) -> ImageKey:
        return self.split, self.index
