"""Data sets: what is in them, and pages of their pictures."""

from pathlib import Path

import torch

from fashion_tui.lab.data.datasets import Images
from fashion_tui.schema.dataset import DatasetInfo, ImagePage
from fashion_tui.schema.requests import GetDataset, GetImages

from .connection import CallContext
from .kept import Kept


def get_dataset(request: GetDataset, _call: CallContext, kept: Kept) -> DatasetInfo:
    dataset = kept.dataset(request.name, _directory(request.directory))
    count = len(dataset.classes)
    return DatasetInfo(
        ref=dataset.ref,
        classes=tuple(dataset.classes),
        train_counts=_counts(dataset.train, count),
        test_counts=_counts(dataset.test, count),
    )


def get_images(request: GetImages, _call: CallContext, kept: Kept) -> ImagePage:
    dataset = kept.dataset(request.name, _directory(request.directory))
    images = dataset.train if request.split == "train" else dataset.test
    if request.label is None:
        total = len(images.labels)
        chosen = torch.arange(total)[request.offset : request.offset + request.count]
    else:
        matching = (images.labels == request.label).nonzero().flatten()
        total = len(matching)
        chosen = matching[request.offset : request.offset + request.count]
    return ImagePage(
        indices=tuple(chosen.tolist()),
        labels=tuple(images.labels[chosen].tolist()),
        pixels=images.pixels[chosen].contiguous().numpy().tobytes(),
        total=total,
    )


def _directory(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _counts(images: Images, classes: int) -> tuple[int, ...]:
    return tuple(torch.bincount(images.labels, minlength=classes).tolist())
