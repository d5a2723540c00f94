"""Accuracies of simple models, with which a network's accuracy can be compared."""

import msgspec


class Baselines(msgspec.Struct, frozen=True, kw_only=True):
    """Accuracies of simple models that are fitted to a data set's training images."""

    n: int
    """Number of images on which the models are evaluated."""
    majority: float
    """Accuracy of always predicting the class with the most training images."""
    linear: float
    """Accuracy of softmax regression on the pixels."""
    nearest: float
    """Accuracy of the majority vote of the 5 nearest training images, by the Euclidean distance of the pixels."""
