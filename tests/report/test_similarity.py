"""The order of classes by similarity, compared with SciPy's clustering."""

import time

import numpy as np
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform

from fashion_tui.report.similarity import similarity_order


def test_each_cluster_of_scipys_tree_is_contiguous() -> None:
    confusion = np.random.default_rng(7).integers(0, 100, (30, 30))
    shares = confusion / confusion.sum(axis=1, keepdims=True)
    distances = 1 - (shares + shares.T) / 2
    np.fill_diagonal(distances, 0)
    tree = linkage(squareform(distances), method="average")

    order = similarity_order(confusion.tolist())
    assert sorted(order) == list(range(30))
    clusters = [{label} for label in range(30)]
    for first, second, _distance, size in tree:
        clusters.append(clusters[int(first)] | clusters[int(second)])
        positions = [order.index(label) for label in clusters[-1]]
        assert max(positions) - min(positions) + 1 == len(positions) == size


def test_the_most_similar_ends_meet() -> None:
    """0 and 3 are confused most, then 1 and 2, and of the pairs between the two clusters, 3 and 1."""
    confusion = [[50, 0, 0, 50], [0, 60, 30, 10], [0, 30, 70, 0], [50, 10, 0, 40]]
    assert similarity_order(confusion) in {(0, 3, 1, 2), (2, 1, 3, 0)}


def test_few_classes_and_classes_without_images() -> None:
    assert similarity_order([]) == ()
    assert similarity_order([[5]]) == (0,)
    assert sorted(similarity_order([[0, 0, 0], [0, 5, 0], [0, 0, 0]])) == [0, 1, 2]


def test_100_classes_are_ordered_without_a_noticeable_delay() -> None:
    confusion = np.random.default_rng(8).integers(0, 100, (100, 100)).tolist()
    start = time.process_time()
    assert sorted(similarity_order(confusion)) == list(range(100))
    assert time.process_time() - start < 2
