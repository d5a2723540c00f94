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


def test_of_100_classes_the_most_probable_ones_and_the_true_one_are_listed() -> None:
    names = [f"class {index}" for index in range(100)]
    probabilities = [0.001] * 100
    probabilities[70], probabilities[30] = 0.6, 0.302
    prediction = Prediction(
        index=3, truth=99, probabilities=tuple(probabilities), pixels=bytes(784), image_shape=FASHION_SHAPE
    )
    lines = prediction_details(prediction, names, UNICODE, split="train", lines=24, mislabelled=True).plain.splitlines()
    assert len(lines) <= 24 - 4
    assert lines[2:4] == ["image 3 of the training set", "! marked as mislabelled"]
    assert lines[5].startswith("✕ class 70")
    assert lines[5].endswith("60.0")
    assert lines[6].split()[:2] == ["class", "30"]
    listed = [line for line in lines[5:] if " class " in f" {line}"]
    assert any(line.startswith("✓ class 99") for line in listed)
    rest = sum(probabilities) - 0.6 - 0.302 - 0.001 * (len(listed) - 2)
    assert lines[-1].strip() == f"{100 - len(listed)} other classes: {rest * 100:.1f} %"
