"""Confidence intervals of accuracies."""

import math
from statistics import NormalDist


def wilson_interval(correct: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return the confidence interval of an accuracy measured on `n` images, `correct` of which were correct.

    The interval contains each true accuracy p with |correct/n - p| <= z sqrt(p (1 - p) / n), where z is the
    (1 + level) / 2 quantile of the standard normal distribution. Unlike the interval correct/n ± z standard errors, it
    stays in [0, 1] and has a positive width even if none or all of the images are correct (Wilson 1927,
    "Probable Inference, the Law of Succession, and Statistical Inference").
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    accuracy, squared = correct / n, z * z
    centre = (accuracy + squared / (2 * n)) / (1 + squared / n)
    half = z / (1 + squared / n) * math.sqrt(accuracy * (1 - accuracy) / n + squared / (4 * n * n))
    return (0.0 if correct == 0 else centre - half, 1.0 if correct == n else centre + half)
