"""Requests about data sets."""

from typing import Annotated

import msgspec

from fashion_tui.schema.dataset import DatasetRef, Split
from fashion_tui.schema.recipe import Recipe

from .request import Request


class PrepareDataset(Request, frozen=True, kw_only=True):
    """Ask to verify, convert or draw a data set, so that any process can map its images; the reply is a DatasetInfo.

    Progress is reported as a number of files or images.
    """

    ref: DatasetRef


class AuditDataset(Request, frozen=True, kw_only=True):
    """Ask for duplicates and labels that are probably wrong in a data set; the reply is an Audit.

    Progress is reported as a number of images. The result is stored; see `data.audits.stored_audit`.
    """

    ref: DatasetRef
    device: str = "auto"
    """Name in the form that `--device` accepts."""


class GetTransforms(Request, frozen=True, kw_only=True):
    """Ask what happens to an image before the network gets it in training; the reply is a Transforms."""

    ref: DatasetRef
    split: Split
    index: int
    """Index of the image in the split."""
    recipe: Recipe
    """A recipe that suits the data set; see `schema.recipe.adapt`."""
    draw: int
    """Seed of the augmentation and of the batch."""
    nrow: Annotated[int, msgspec.Meta(ge=1, le=64)] = 8
    """Number of images in each row of the grid, and the maximum number of rows."""
