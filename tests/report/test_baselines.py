"""The comparison of an accuracy with those of simple models, in one sentence."""

import math

import msgspec
import pytest

from fashion_tui.report.baselines import baseline_lines, baselines_verdict
from fashion_tui.schema.baselines import Baselines

from .test_evaluation import EVALUATION

BASELINES = Baselines(n=10_000, majority=0.1, linear=0.8432, nearest=0.8554)


@pytest.mark.parametrize(
    ("accuracy", "interval", "baselines", "expected"),
    [
        (0.941, (0.936, 0.945), BASELINES, "94.1 % is 8.6 points above 5-nearest neighbours (85.5 %)"),
        (0.9148, (0.909, 0.92), BASELINES, "91.5 % is 6.0 points above 5-nearest neighbours (85.5 %)"),
        (0.7, (0.69, 0.71), BASELINES, "70.0 % is 15.5 points below 5-nearest neighbours (85.5 %)"),
        (0.86, (0.853, 0.867), BASELINES, "86.0 % is about as good as 5-nearest neighbours (85.5 %)"),
        (0.9, (0.89, 0.91), Baselines(n=9, majority=0.2, linear=0.5, nearest=0.4), "above a linear model (50.0 %)"),
        (0.97, (0.96, 0.98), Baselines(n=9, majority=0.99, linear=0.5, nearest=0.4), "below the majority class (99.0"),
    ],
)
def test_the_verdict_names_the_best_simple_model(
    accuracy: float, interval: tuple[float, float], baselines: Baselines, expected: str
) -> None:
    evaluation = msgspec.structs.replace(EVALUATION, accuracy=accuracy, interval=interval)
    assert expected in baselines_verdict(evaluation, baselines)


def test_without_scores_there_is_nothing_to_compare() -> None:
    evaluation = msgspec.structs.replace(EVALUATION, accuracy=math.nan, interval=(math.nan, math.nan), invalid=2)
    assert "no scores" in baselines_verdict(evaluation, BASELINES)


def test_all_simple_models_are_listed() -> None:
    line = baseline_lines(EVALUATION, BASELINES)[1].plain
    for expected in ("majority class 10.0 %", "linear model 84.3 %", "5-nearest neighbours 85.5 %"):
        assert expected in line
