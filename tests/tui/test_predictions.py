"""The texts of a prediction in the Evaluate pane."""

import math

from fashion_tui.report.glyphs import UNICODE
from fashion_tui.schema.dataset import FASHION_SHAPE
from fashion_tui.schema.evaluation import Prediction
from fashion_tui.tui.evaluate.predictions import prediction_details, prediction_tile


def test_predictions_that_are_no_numbers() -> None:
    names = [*"abcdefghij"]
    prediction = Prediction(
        index=3, truth=0, probabilities=(math.nan,) * 10, pixels=bytes(784), image_shape=(1, 28, 28)
    )
    first, second = prediction_tile(prediction, names, 14, UNICODE).labels
    assert (first.plain, second.plain.strip()) == ("✕ a", "NaN")
    details = prediction_details(prediction, names, UNICODE, split="test", lines=40).plain
    assert details.startswith("true: a\n")
    assert "aren't numbers" in details
    assert details.count("NaN") == 10


def test_the_details_name_the_true_and_the_predicted_class() -> None:
    names = ["T-shirt/top", "Shirt"]
    wrong = Prediction(index=3, truth=0, probabilities=(0.25, 0.75), pixels=bytes(784), image_shape=FASHION_SHAPE)
    assert prediction_details(wrong, names, UNICODE, split="test", lines=40).plain.splitlines()[:2] == [
        "true: T-shirt/top",
        "predicted: Shirt, 75 %",
    ]
    correct = Prediction(index=3, truth=1, probabilities=(0.25, 0.75), pixels=bytes(784), image_shape=FASHION_SHAPE)
    assert prediction_details(correct, names, UNICODE, split="test", lines=40).plain.startswith("✓ Shirt\n")
