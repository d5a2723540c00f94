"""Real images: the handwritten digits of scikit-learn."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from fashion_tui.data.folder import import_folder
from fashion_tui.schema.dataset import DatasetRef


def test_the_digits_are_read_with_their_labels(digits_folder: Path) -> None:
    ref = DatasetRef(name="folder", directory=str(digits_folder), sha256="", image_size=8)
    dataset = import_folder(ref, lambda _done, _total: None, lambda: False)
    digits = load_digits()
    assert dataset.info.classes == tuple("0123456789")
    assert dataset.info.image_shape == (1, 8, 8)
    assert len(dataset.train) + len(dataset.test) == len(digits.images) == 1797
    assert 250 < len(dataset.test) < 350
    assert np.add(dataset.info.train_counts, dataset.info.test_counts).tolist() == np.bincount(digits.target).tolist()
    expected = sorted(
        (label, np.rint(image * 255 / 16).astype(np.uint8).tobytes())
        for image, label in zip(digits.images, digits.target, strict=True)
    )
    stored = sorted(
        (label, pixels.tobytes())
        for part in (dataset.train, dataset.test)
        for pixels, label in zip(part.pixels, part.labels, strict=True)
    )
    assert stored == expected
    assert dataset.info.border == 0, "the digits are on a black background"
