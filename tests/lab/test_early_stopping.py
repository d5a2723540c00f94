"""Early stopping, compared with a plain implementation that uses the whole history."""

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fashion_tui.lab.training.early_stopping import EarlyStopping
from fashion_tui.schema.builtin_recipes import GUIDE
from fashion_tui.schema.evaluation import Averages, Metrics


def metrics(value: float) -> Metrics:
    """Return validation metrics whose loss has this value, and whose accuracy is one minus it."""
    means = Averages(precision=1, recall=1, f1=1)
    return Metrics(
        n=10, accuracy=1 - value, interval=(0, 1), top2=1.0, loss=value, ece=0.0, macro=means, weighted=means,
        reliability=(), per_class=(), confusion=(),
    )  # fmt: skip


def stopping(**fields: Any) -> EarlyStopping:
    return EarlyStopping(msgspec.structs.replace(GUIDE, **{"early_stopping": "loss", "patience": 2, **fields}))


def stops_after(early_stopping: EarlyStopping, losses: list[float]) -> int | None:
    """Return the epoch after which training ends, or None if it continues to the end."""
    for epoch, loss in enumerate(losses, 1):
        early_stopping.add(epoch, metrics(loss))
        if early_stopping.reason_to_stop(epoch) is not None:
            return epoch
    return None


@pytest.mark.covers("recipe.early_stopping", "recipe.patience", "recipe.min_change")
@given(
    st.lists(st.integers(0, 16), min_size=1, max_size=12),
    st.integers(1, 4),
    st.integers(0, 3),
    st.sampled_from(["loss", "accuracy"]),
)
def test_training_ends_as_the_history_demands(values: list[int], patience: int, change: int, metric: str) -> None:
    """The values are multiples of 1/16, which floats represent exactly."""
    improvements: list[int] = []
    expected = None
    for epoch, value in enumerate(values, 1):
        if not improvements or value < values[improvements[-1] - 1] - change:
            improvements.append(epoch)
        if epoch - improvements[-1] == patience:
            expected = epoch
            break
    early_stopping = stopping(early_stopping=metric, patience=patience, min_change=change / 16)
    assert stops_after(early_stopping, [value / 16 for value in values]) == expected


def test_without_early_stopping_training_goes_on() -> None:
    assert stops_after(stopping(early_stopping="none", patience=1), [0.5] * 10) is None


@pytest.mark.parametrize("metric", ["loss", "accuracy"])
def test_the_reason_names_the_metric_and_the_last_improvement(metric: str) -> None:
    early_stopping = stopping(early_stopping=metric)
    assert stops_after(early_stopping, [0.9, 0.5, 0.6, 0.7]) == 4
    reason = early_stopping.reason_to_stop(4) or ""
    assert f"validation {metric}" in reason
    assert "epoch 2" in reason


def test_values_that_are_not_numbers_are_no_improvement() -> None:
    assert stops_after(stopping(), [0.5, math.nan, math.inf, 0.4]) == 3
    early_stopping = stopping()
    for epoch in (1, 2):
        early_stopping.add(epoch, None)
    assert "unknown" in (early_stopping.reason_to_stop(2) or "")
    late = stopping()
    assert stops_after(late, [math.nan, 0.5, 0.6, 0.7]) == 4


def test_a_restored_state_continues_and_a_restarted_one_has_its_patience_again() -> None:
    first = stopping()
    assert stops_after(first, [0.5, 0.6]) is None
    second = stopping()
    second.load_state_dict(first.state_dict())
    second.add(3, metrics(0.55))
    assert second.reason_to_stop(3) is not None
    second.restart(3)
    second.add(4, metrics(0.55))
    assert second.reason_to_stop(4) is None
    second.add(5, metrics(0.55))
    assert second.reason_to_stop(5) is not None, "0.55 isn't better than 0.5"
