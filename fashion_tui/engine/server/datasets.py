"""Handlers for requests about data sets: class counts and pages of images."""

from pathlib import Path

import torch

from fashion_tui.lab.data.datasets import Images
from fashion_tui.schema.dataset import DatasetInfo, ImagePage
from fashion_tui.schema.requests import GetDataset, GetImages

from .cache import Cache
from .connection import CallContext


def get_dataset(request: GetDataset, _call: CallContext, cache: Cache) -> DatasetInfo:
    dataset = cache.dataset(request.name, _path(request.directory))
    return DatasetInfo(
        ref=dataset.ref,
        classes=tuple(dataset.classes),
        train_counts=_class_counts(dataset.train, len(dataset.classes)),
        test_counts=_class_counts(dataset.test, len(dataset.classes)),
    )


def get_images(request: GetImages, _call: CallContext, cache: Cache) -> ImagePage:
    dataset = cache.dataset(request.name, _path(request.directory))
    images = dataset.train if request.split == "train" else dataset.test
    indices = torch.arange(len(images.labels))
    if request.label is not None:
        indices = indices[images.labels == request.label]
    page = indices[request.offset : request.offset + request.limit]
    return ImagePage(
        indices=tuple(page.tolist()),
        labels=tuple(images.labels[page].tolist()),
        pixels=images.pixels[page].contiguous().numpy().tobytes(),
        total=len(indices),
    )


def _path(directory: str | None) -> Path | None:
    return None if directory is None else Path(directory)


def _class_counts(images: Images, classes: int) -> tuple[int, ...]:
    return tuple(torch.bincount(images.labels, minlength=classes).tolist())
