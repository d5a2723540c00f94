"""The order of predictions, compared with NumPy."""

import math

import numpy as np
import pytest
import torch

from fashion_tui.lab.evaluation.prediction_order import sorted_indices
from fashion_tui.schema.evaluation import PredictionOrder

LOGITS = torch.randn(200, 7, generator=torch.Generator().manual_seed(4)) * 3
LABELS = torch.randint(7, (200,), generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("order", ["index", "loss", "confidence", "margin"])
def test_the_order_is_that_of_numpy(order: PredictionOrder) -> None:
    exponentials = np.exp(LOGITS.double().numpy())
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    ascending = np.sort(probabilities, axis=1)
    keys = {
        "index": np.arange(200),
        "loss": probabilities[np.arange(200), LABELS.numpy()],
        "confidence": -ascending[:, -1],
        "margin": ascending[:, -1] - ascending[:, -2],
    }
    assert sorted_indices(LOGITS, LABELS, order).tolist() == np.argsort(keys[order], kind="stable").tolist()


@pytest.mark.parametrize("order", ["loss", "confidence", "margin"])
def test_predictions_that_are_not_numbers_come_first(order: PredictionOrder) -> None:
    logits = LOGITS[:4].clone()
    logits[2, 3] = math.nan
    assert sorted_indices(logits, LABELS[:4], order)[0] == 2


@pytest.mark.parametrize("order", ["loss", "confidence", "margin"])
def test_one_class_and_no_images(order: PredictionOrder) -> None:
    assert sorted_indices(torch.zeros(3, 1), torch.zeros(3, dtype=torch.int64), order).tolist() == [0, 1, 2]
    assert sorted_indices(torch.zeros(0, 7), torch.zeros(0, dtype=torch.int64), order).tolist() == []
