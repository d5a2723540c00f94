"""Find images that are identical, or that look the same.

Two images look the same if the correlation of their pixels is at least MIN_CORRELATION. The correlation doesn't change
if one of the images is made brighter or given more contrast.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from fashion_tui.lab.evaluation.metrics import Cancelled
from fashion_tui.lab.rng import preserve_rng_state

MIN_CORRELATION = 0.995
"""In Fashion-MNIST, pairs above this correlation are photos of the same product; pairs of similar trousers are below
it.
"""

COMPONENTS = 64
"""Number of principal components that are compared before the pixels."""
SAMPLE_IMAGES = 3_000
"""Number of images from which the principal components are computed."""

TILE_ROWS, TILE_COLUMNS = 512, 8192
"""Each step compares TILE_ROWS images with TILE_COLUMNS images."""
CHUNK_VALUES = 1 << 22
"""Number of pixels that are converted to floating point at once."""

ROUNDING = 1e-4
"""Tolerance for squared distances in float32, so that rounding never rules out a pair."""


@dataclass(frozen=True)
class DuplicateGroup:
    """Images that are duplicates of each other."""

    images: tuple[int, ...]
    """Indices in ascending order."""
    correlation: float
    """Lowest correlation between the first image and another one."""


class PixelRows:
    """The images of several tensors as rows of pixels, without concatenating the tensors."""

    def __init__(self, parts: Sequence[Tensor]) -> None:
        """Use the images of all parts, uint8 `[N, C, H, W]` each. Indices continue from one part to the next."""
        self._parts = [part.flatten(1) for part in parts]
        self._ends = torch.tensor([len(part) for part in parts]).cumsum(0)
        self.width = self._parts[0].shape[1]
        """Number of pixels per image, over all channels."""
        self.chunk = max(1, CHUNK_VALUES // self.width)
        """Number of rows to process at once."""

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, indices: Tensor) -> Tensor:
        """Return a copy of the rows with these indices, uint8 `[N, D]`."""
        rows = torch.empty(len(indices), self.width, dtype=torch.uint8)
        start = 0
        for part, end in zip(self._parts, self._ends.tolist(), strict=True):
            inside = (indices >= start) & (indices < end)
            rows[inside] = part[indices[inside] - start]
            start = end
        return rows

    def standardised(self, indices: Tensor) -> Tensor:
        """Return rows with mean 0 and length 1, float32 `[N, D]`. The dot product of two rows is their correlation.

        A row of equal pixels becomes all zeros.
        """
        rows = self[indices].to(torch.float32)
        rows -= rows[:, :1].clone()  # makes a row of equal pixels exactly 0, regardless of rounding
        rows -= rows.mean(dim=1, keepdim=True)
        return F.normalize(rows)

    def correlations(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the correlation of the pixels of each pair of images, float32 `[N]`."""
        pairs = zip(first.split(self.chunk), second.split(self.chunk), strict=True)
        parts = [(self.standardised(one) * self.standardised(other)).sum(dim=1) for one, other in pairs]
        return torch.cat(parts) if parts else torch.empty(0)


def exact_groups(rows: PixelRows, should_stop: Callable[[], bool] = lambda: False) -> list[list[int]]:
    """Return groups of images with identical pixels, including groups of one, in the order of their first images."""
    groups: dict[bytes, list[int]] = {}
    for indices in torch.arange(len(rows)).split(rows.chunk):
        _stop_if(should_stop)
        for index, row in zip(indices.tolist(), rows[indices].numpy(), strict=True):
            groups.setdefault(hashlib.blake2b(row, digest_size=16).digest(), []).append(index)
    return list(groups.values())


def near_groups(
    rows: PixelRows,
    identical: Sequence[Sequence[int]],
    *,
    progress: Callable[[int], None] = lambda _done: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[DuplicateGroup]:
    """Return groups of images that look the same, directly or through other images of the group.

    The most similar groups come first. `identical` contains the groups that `exact_groups` returns. Groups in which all
    images are identical aren't returned. `progress` is called with the number of images compared so far.

    The squared distance of two standardised rows is 2 − 2 × correlation. Projecting the rows onto orthonormal vectors
    can only make the distance smaller, so pairs whose projections are too far apart are ruled out without comparing
    their pixels. The images are sorted by one component, and each is only compared with those whose value of this
    component is close.
    """
    firsts = torch.tensor([group[0] for group in identical])
    projected = _project(rows, firsts)
    component = projected.var(dim=0, correction=0).argmax()
    order = projected[:, component].argsort(stable=True)
    points, images = projected[order], firsts[order]
    groups = _Grouping(rows)
    max_distance = 2 - 2 * MIN_CORRELATION + ROUNDING
    ends = torch.searchsorted(
        points[:, component].contiguous(), points[:, component] + max_distance**0.5, right=True
    ).tolist()
    for start in range(0, len(points), TILE_ROWS):
        block = slice(start, min(start + TILE_ROWS, len(points)))
        for left in range(start, ends[block.stop - 1], TILE_COLUMNS):
            _stop_if(should_stop)
            right = min(left + TILE_COLUMNS, ends[block.stop - 1])
            is_close = _squared_distances(points[block], points[left:right]) <= max_distance
            row, column = is_close.nonzero(as_tuple=True)
            row, column = row + start, column + left
            groups.join(images[row[column > row]], images[column[column > row]])
        progress(block.stop)
    copies = {group[0]: group for group in identical}
    return sorted(
        (_group(rows, [copy for first in group for copy in copies[first]]) for group in groups.groups()),
        key=lambda group: (-group.correlation, group.images),
    )


def _group(rows: PixelRows, images: Sequence[int]) -> DuplicateGroup:
    ordered = torch.tensor(images).sort().values
    correlations = rows.correlations(ordered[:1].expand(len(ordered) - 1), ordered[1:])
    return DuplicateGroup(tuple(ordered.tolist()), min(1.0, float(correlations.min())))


class _Grouping:
    """Joins images that look the same into groups: a disjoint-set forest in which the root of a group is its first
    image.
    """

    def __init__(self, rows: PixelRows) -> None:
        self._rows = rows
        self._parents = np.arange(len(rows))

    def join(self, first: Tensor, second: Tensor) -> None:
        """Compare the pixels of pairs of images, and join those that look the same.

        Pairs that are in the same group already aren't compared. This bounds the work if many images look the same.
        """
        while True:
            roots = torch.from_numpy(self._parents)
            is_new = roots[first] != roots[second]
            first, second = first[is_new], second[is_new]
            if not len(first):
                return
            size = self._rows.chunk
            is_same = self._rows.correlations(first[:size], second[:size]) >= MIN_CORRELATION
            for one, other in zip(first[:size][is_same].tolist(), second[:size][is_same].tolist(), strict=True):
                low, high = sorted((self._root(one), self._root(other)))
                self._parents[high] = low
            self._flatten()
            first, second = first[size:], second[size:]

    def groups(self) -> list[list[int]]:
        """Return the groups of at least two images."""
        members: dict[int, list[int]] = {}
        for image in np.flatnonzero(np.bincount(self._parents, minlength=len(self._parents))[self._parents] > 1):
            members.setdefault(int(self._parents[image]), []).append(int(image))
        return list(members.values())

    def _root(self, image: int) -> int:
        while (parent := int(self._parents[image])) != image:
            image = parent
        return image

    def _flatten(self) -> None:
        """Make every image's parent the root of its group."""
        while not np.array_equal(grandparents := self._parents[self._parents], self._parents):
            self._parents = grandparents


def _project(rows: PixelRows, images: Tensor) -> Tensor:
    """Return the images' leading principal components, float32 `[N, K]`, computed from a sample of the images."""
    generator = torch.Generator().manual_seed(0)
    count = min(SAMPLE_IMAGES, max(4 * COMPONENTS, CHUNK_VALUES * 16 // rows.width))
    sample = images[torch.randperm(len(images), generator=generator)[:count]]
    with preserve_rng_state():
        torch.manual_seed(0)  # svd_lowrank draws random numbers
        _, _, directions = torch.svd_lowrank(rows.standardised(sample), q=min(COMPONENTS, len(sample), rows.width))
    return torch.cat([rows.standardised(part) @ directions for part in images.split(rows.chunk)])


def _squared_distances(first: Tensor, second: Tensor) -> Tensor:
    """Return the squared distance between each row of `first` `[N, K]` and each row of `second` `[M, K]`."""
    squares = first.square().sum(dim=1, keepdim=True) + second.square().sum(dim=1)
    return torch.addmm(squares, first, second.T, alpha=-2)


def _stop_if(should_stop: Callable[[], bool]) -> None:
    if should_stop():
        raise Cancelled
