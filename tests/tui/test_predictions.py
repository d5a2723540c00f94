"""The texts of a prediction in the Evaluate pane."""

import math

from fashion_tui.report.glyphs import UNICODE
from fashion_tui.schema.evaluation import Prediction
from fashion_tui.tui.evaluate.predictions import prediction_details, prediction_tile


def test_predictions_that_are_no_numbers() -> None:
    names = [*"abcdefghij"]
    prediction = Prediction(index=3, truth=0, probabilities=(math.nan,) * 10, pixels=bytes(784))
    first, second = prediction_tile(prediction, names, 14, UNICODE).labels
    assert (first.plain, second.plain.strip()) == ("✕ a", "NaN")
    details = prediction_details(prediction, names, UNICODE).plain
    assert "aren't numbers" in details
    assert details.count("NaN") == 10
