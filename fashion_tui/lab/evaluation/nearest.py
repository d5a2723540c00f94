"""Find the nearest neighbours of images by the Euclidean distance of their pixels."""

from collections.abc import Callable
from functools import reduce

import torch
from torch import Tensor

from .metrics import Cancelled

QUERY_BLOCK, REFERENCE_BLOCK = 512, 2048
"""Numbers of queries and references that are compared at once. The distances should fit into the CPU's cache."""

EXACT_FEATURES = 1024
"""Maximum length of a scalar product of pixels that is exact in float32.

After subtracting 128, the product of two pixels is an integer of at most 2^14 in magnitude. A sum of 2^10 such products
is at most 2^24 in magnitude, up to which float32 represents all integers.
"""


def nearest_neighbours(
    queries: Tensor,
    references: Tensor,
    k: int,
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Tensor:
    """Return the indices, int64 `[M, k]`, of the `k` references that are nearest to each query, the nearest first.

    `queries` `[M, F]` and `references` `[N, F]` are uint8 pixels; N must be at least `k`. Distances are exact. Of
    references at the same distance, those with the lowest indices are chosen.

    `progress` is called after each block with the number of completed and of all pairs of images. `should_stop` is
    called before each block. If it returns True, Cancelled is raised.
    """
    best = torch.full((len(queries), k), torch.iinfo(torch.int64).max)
    done, total = 0, len(queries) * len(references)
    for first in range(0, len(references), REFERENCE_BLOCK):
        block = _centred(references[first : first + REFERENCE_BLOCK])
        squares = block.square().sum(dim=1, dtype=torch.float64).long()
        order = squares * len(references) + torch.arange(first, first + len(block))
        for part, found in zip(queries.split(QUERY_BLOCK), best.split(QUERY_BLOCK), strict=True):
            if should_stop():
                raise Cancelled
            # Order by distance, then by index. The distance is |reference|² - 2 query·reference, without |query|²,
            # which is the same for all references.
            products = _products(_centred(part), block)
            keys = torch.add(order, products, alpha=-2 * len(references), out=products)
            nearest = keys.topk(min(k, len(block)), largest=False).values
            found.copy_(torch.cat([found, nearest], dim=1).topk(k, largest=False).values)
            done += len(part) * len(block)
            progress(done, total)
    return best % len(references)


def vote(neighbours: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Return the most frequent label of each row of neighbours `[M, k]`, or the lowest of the most frequent labels.

    `labels` `[N]` are the labels of the references.
    """
    votes = torch.zeros(len(neighbours), classes, dtype=torch.int64)
    votes.scatter_add_(1, labels[neighbours], torch.ones_like(neighbours))
    return votes.argmax(dim=1)  # the first of several maxima


def _centred(pixels: Tensor) -> Tensor:
    return pixels.to(torch.float32).sub_(128)


def _products(queries: Tensor, references: Tensor) -> Tensor:
    """Return the scalar products of all queries and references, int64 `[M, N]`."""
    blocks = zip(queries.split(EXACT_FEATURES, dim=1), references.split(EXACT_FEATURES, dim=1), strict=True)
    products: Tensor = reduce(torch.add, ((some @ others.T).long() for some, others in blocks))
    return products
