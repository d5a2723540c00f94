"""A data set with the interface of torchvision's `FashionMNIST(transform=ToTensor())`."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import Dataset

from fashion_tui.lab.data.datasets import Images


class ImageDataset(Dataset[tuple[Tensor, int]]):
    """A map-style data set that supports indexing, slicing and `DataLoader`.

    `data[i]` is a tuple of an image (float32 [1, 28, 28] in [0, 1]) and its label (int). `data[i:j]` is a tuple of
    images [j - i, 1, 28, 28] and labels (int64 [j - i]).
    """

    def __init__(self, images: Images, classes: tuple[str, ...], name: str) -> None:
        self.pixels = images.pixels
        """uint8 [N, 1, 28, 28]: 0 is black, 255 is white."""
        self.labels = images.labels
        """int64 [N], indices into `classes`."""
        self.classes = classes
        self.name = name

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int | slice) -> tuple[Tensor, int | Tensor]:  # type: ignore[override]
        image = self.pixels[index].to(torch.float32) / 255
        label = self.labels[index]
        return image, label if isinstance(index, slice) else int(label)

    def __iter__(self) -> Iterator[tuple[Tensor, int | Tensor]]:
        return (self[index] for index in range(len(self)))

    def __repr__(self) -> str:
        return f"<{self.name}: {len(self):,} × (image float32 [1, 28, 28] in [0, 1], label 0–{len(self.classes) - 1})>"
