"""Order the classes of a confusion matrix so that classes that are confused are next to each other."""

from collections.abc import Sequence
from itertools import combinations


def similarity_order(confusion: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Return the labels of all classes, such that similar classes are adjacent.

    The similarity of two classes is the mean of the two shares of their images that are confused with each other. The
    classes are clustered by average linkage (UPGMA, Sokal and Michener 1958), and the result lists the leaves of the
    tree. Of the four ways to join two clusters, the one is used whose adjacent classes are most similar.
    """
    shares = [[count / max(sum(counts), 1) for count in counts] for counts in confusion]
    classes = range(len(confusion))
    similarity = [[(shares[row][column] + shares[column][row]) / 2 for column in classes] for row in classes]
    orders: dict[int, tuple[int, ...]] = {label: (label,) for label in classes}
    linkage = {(first, second): similarity[first][second] for first, second in combinations(classes, 2)}
    while linkage:
        kept, removed = max(linkage, key=linkage.__getitem__)
        del linkage[kept, removed]
        left, right = orders[kept], orders.pop(removed)
        for other in orders:
            if other != kept:
                pair, gone = _sorted_pair(kept, other), _sorted_pair(removed, other)
                total = len(left) * linkage[pair] + len(right) * linkage.pop(gone)
                linkage[pair] = total / (len(left) + len(right))
        orders[kept] = _joined(left, right, similarity)
    return next(iter(orders.values()), ())


def _sorted_pair(first: int, second: int) -> tuple[int, int]:
    return min(first, second), max(first, second)


def _joined(left: tuple[int, ...], right: tuple[int, ...], similarity: Sequence[Sequence[float]]) -> tuple[int, ...]:
    """Return both orders, one after the other. Each may be reversed, so that the most similar ends meet."""
    choices = [(first, second) for first in (left, left[::-1]) for second in (right, right[::-1])]
    first, second = max(choices, key=lambda pair: similarity[pair[0][-1]][pair[1][0]])
    return first + second
