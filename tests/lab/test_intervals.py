"""Wilson's interval and McNemar's test, compared with SciPy and with enumerations."""

import math
from collections.abc import Callable
from itertools import product

import pytest
from scipy.stats import binomtest

from fashion_tui.lab.evaluation.intervals import wilson_interval
from fashion_tui.lab.evaluation.mcnemar import mcnemar

SHARES = [(38, 40), (9046, 10_000), (5, 10), (5, 5), (0, 3), (1, 1), (0, 1), (1, 10_000)]


@pytest.mark.parametrize(("correct", "n"), SHARES)
@pytest.mark.parametrize("level", [0.95, 0.99])
def test_the_interval_is_that_of_scipy(correct: int, n: int, level: float) -> None:
    expected = binomtest(correct, n).proportion_ci(level, method="wilson")
    assert wilson_interval(correct, n, level) == pytest.approx((expected.low, expected.high), abs=1e-12)


def root(function: Callable[[float], float], low: float, high: float) -> float:
    """Return the argument between `low` and `high` at which the sign of the function changes, by bisection."""
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if function(low) * function(middle) > 0 else (low, middle)
    return low


@pytest.mark.parametrize(("correct", "n"), SHARES)
def test_the_interval_contains_the_accuracies_that_a_score_test_accepts(correct: int, n: int) -> None:
    """The Wilson interval has the true accuracies p for which |accuracy - p| is at most 1.96 standard errors of p."""
    accuracy = correct / n

    def excess(p: float) -> float:
        return (accuracy - p) ** 2 - 1.959964**2 * p * (1 - p) / n

    low = root(excess, 1e-15, accuracy) if accuracy > 0 else 0.0
    high = root(excess, max(accuracy, 1e-9), 1.0) if accuracy < 1 else 1.0
    assert wilson_interval(correct, n) == pytest.approx((low, high), abs=1e-6)


def test_other_intervals_differ() -> None:
    low, high = wilson_interval(38, 40)
    error = math.sqrt(0.95 * 0.05 / 40)
    others = [(0.95 - z * error, 0.95 + z * error) for z in (1, 1.645, 1.959964)]
    others += [wilson_interval(38, 40, 0.9), (0.95 - (high - low) / 2, 0.95 + (high - low) / 2)]
    assert all(max(abs(low - other), abs(high - another)) > 0.005 for other, another in others)


@pytest.mark.parametrize(
    ("only_first", "only_second"), [(0, 0), (1, 0), (0, 7), (3, 9), (9, 3), (25, 25), (312, 287), (400, 290)]
)
def test_mcnemars_test_is_the_binomial_test_of_scipy(only_first: int, only_second: int) -> None:
    found = mcnemar(only_first, only_second)
    n = only_first + only_second
    assert (found.only_first, found.only_second) == (only_first, only_second)
    assert found.p == pytest.approx(binomtest(only_first, n).pvalue if n else 1.0, rel=1e-9)


@pytest.mark.parametrize(("only_first", "only_second"), [(3, 9), (2, 5), (6, 6)])
def test_the_p_value_is_the_share_of_outcomes_that_are_at_least_as_extreme(only_first: int, only_second: int) -> None:
    n, difference = only_first + only_second, abs(only_first - only_second)
    outcomes = [abs(2 * sum(outcome) - n) >= difference for outcome in product((0, 1), repeat=n)]
    assert mcnemar(only_first, only_second).p == pytest.approx(sum(outcomes) / len(outcomes), rel=1e-12)


def test_other_tests_of_the_difference_differ() -> None:
    p = mcnemar(3, 9).p
    one_sided = p / 2
    mid_p = p - math.comb(12, 3) / 2**12
    chi_squared, corrected = (math.erfc(math.sqrt(value / 2)) for value in ((9 - 3) ** 2 / 12, (9 - 3 - 1) ** 2 / 12))
    assert all(abs(p - other) > 1e-3 for other in (one_sided, mid_p, chi_squared, corrected))


def test_a_difference_of_thousands_of_images_has_a_p_value() -> None:
    assert 0 < mcnemar(4_000, 5_000).p < 1e-20
    assert mcnemar(0, 20_000).p == 0, "smaller than any float"
