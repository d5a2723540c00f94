"""Pages of images by index, by class and shuffled, compared with NumPy."""

import numpy as np

from fashion_tui.data.pages import Listing, listed_indices, read_page
from fashion_tui.data.stored import StoredImages

LABELS = np.random.default_rng(1).integers(0, 4, 200)
IMAGES = StoredImages(np.arange(200 * 12, dtype=np.int64).astype(np.uint8).reshape(200, 3, 2, 2), LABELS)


def test_images_are_listed_by_index_and_by_class() -> None:
    assert listed_indices(IMAGES, Listing()).tolist() == list(range(200))
    by_class = sorted(range(200), key=lambda index: (LABELS[index], index))
    assert listed_indices(IMAGES, Listing(order="class")).tolist() == by_class
    twos = [index for index in range(200) if LABELS[index] == 2]
    assert listed_indices(IMAGES, Listing(label=2)).tolist() == twos
    assert listed_indices(IMAGES, Listing(label=2, order="class")).tolist() == twos


def test_the_random_order_depends_only_on_the_seed() -> None:
    first = listed_indices(IMAGES, Listing(order="random", seed=3))
    assert sorted(first.tolist()) == list(range(200))
    assert first.tolist() == listed_indices(IMAGES, Listing(order="random", seed=3)).tolist()
    assert first.tolist() != listed_indices(IMAGES, Listing(order="random", seed=4)).tolist()
    threes = listed_indices(IMAGES, Listing(label=3, order="random"))
    assert sorted(threes.tolist()) == np.flatnonzero(LABELS == 3).tolist()


def test_a_page_has_the_pixels_and_labels_of_the_listed_images() -> None:
    indices = listed_indices(IMAGES, Listing(order="random", seed=5))
    page = read_page(IMAGES, indices, 190, 20)
    assert page.indices == tuple(indices[190:])
    assert page.labels == tuple(LABELS[indices[190:]])
    assert page.total == 200
    assert page.image_shape == (3, 2, 2)
    assert page.image(7) == IMAGES.pixels[indices[197]].tobytes()
