"""scikit-learn's handwritten digits: 1,797 real images of 8×8 pixels in ten classes."""

import torch
from sklearn.datasets import load_digits

from fashion_tui.lab.data.datasets import Images

TRAIN_IMAGES = 1_200


def digits() -> tuple[Images, Images]:
    """Return the first 1,200 images and the others. Their values, from 0 to 16, are multiplied by 15."""
    bunch = load_digits()
    images = Images(torch.tensor(bunch.images * 15).to(torch.uint8).unsqueeze(1), torch.tensor(bunch.target).long())
    return images[:TRAIN_IMAGES], images[TRAIN_IMAGES:]
