"""The texts of verdicts."""

import math

import pytest

from fashion_tui.report.glyphs import UNICODE
from fashion_tui.report.verdicts import verdict_text
from fashion_tui.runs.layers import LayerProblem
from fashion_tui.runs.verdicts import Diverging, FarLearningRate, FewThreads, Overfitting, Plateau, SlowBatches, Verdict


@pytest.mark.parametrize(
    ("verdict", "parts"),
    [
        (Diverging(1900, 0.31, 2.4), ["diverges", "0.310", "step 1,900", "2.400", "lower learning rate"]),
        (Diverging(1900, 0.31, math.nan), ["NaN or infinite"]),
        (Plateau(1234, 0.6), ["step 1,234", "0.600", "learning rate"]),
        (Overfitting(5000, 3, 0.45, 0.52), ["overfitting since epoch 3", "0.450", "0.520", "held-out"]),
        (Overfitting(5000, None, 0.45, 0.52), ["overfitting since step 5,000"]),
        (FarLearningRate(0.1, 0.002), ["0.1 is far above", "0.002"]),
        (FarLearningRate(1e-5, 0.002), ["1e-05 is far below"]),
        (SlowBatches(0.65), ["65 %", "images", "augmentation"]),
        (FewThreads(1, 8, 0.12), ["1 thread,", "8 CPUs", "12 %"]),
        (LayerProblem("no gradient", ("conv1",), 0.0), ["conv1"]),
    ],
)
def test_a_verdict_names_its_values_and_what_to_try(verdict: Verdict, parts: list[str]) -> None:
    text = verdict_text(verdict, UNICODE)
    for part in parts:
        assert part in text
