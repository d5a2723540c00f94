"""Problems of layers, found in metrics with known values."""

import math
from array import array

import pytest

from fashion_tui.runs.layers import LayerProblem, find_layer_problems, layers_with
from fashion_tui.runs.series import Series


def metrics(**values: list[float]) -> dict[str, Series]:
    """Return metrics with these values, at every 20th step. `dead_relus__fc1` is the metric `dead_relus/fc1`."""
    result = {}
    for name, numbers in values.items():
        series = result[name.replace("__", "/")] = Series()
        for index, value in enumerate(numbers):
            series.put(1 + 20 * index, array("d", [value]))
    return result


def test_the_layers_of_a_metric() -> None:
    names = ["loss", "gradient_norm", "gradient_norm/conv1", "gradient_norm/block.0/a", "update_ratio/fc"]
    assert layers_with("gradient_norm", names) == ("conv1", "block.0/a")


@pytest.mark.parametrize("count", [1, 4])
def test_a_few_measurements_are_not_enough(count: int) -> None:
    found = find_layer_problems(
        metrics(dead_relus__a=[1.0] * count, gradient_norm__a=[0.0] * count, update_ratio__a=[1.0] * count)
    )
    assert found == ()


def test_the_first_layer_with_nan_is_the_one_of_the_earliest_step() -> None:
    found = find_layer_problems(metrics(non_finite__fc=[1.0], non_finite__conv=[1.0]))
    assert found == (LayerProblem("non-finite", ("fc",), 1),)
    late = metrics(non_finite__conv=[1.0])
    early = metrics(non_finite__fc=[1.0])
    late["non_finite/conv"] = Series()
    late["non_finite/conv"].put(61, array("d", [1.0]))
    early["non_finite/fc"].put(81, array("d", [1.0]))
    late["non_finite/resumed"] = Series()  # its values were discarded when the run was resumed
    assert find_layer_problems(late) == (LayerProblem("non-finite", ("conv",), 61),)
    assert find_layer_problems(late | early)[0].layers == ("fc",)


def test_dead_relus_are_those_of_the_last_five_measurements() -> None:
    found = find_layer_problems(
        metrics(
            dead_relus__conv=[0.1] + [1.0] * 5,
            dead_relus__fc=[0.95] * 4 + [0.91],
            dead_relus__revived=[1.0] * 9 + [0.5],
            dead_relus__guide=[0.4] * 9,
        )
    )
    assert found == (LayerProblem("dead ReLUs", ("conv", "fc"), 1.0),)


def test_no_gradient() -> None:
    found = find_layer_problems(metrics(gradient_norm__a=[1.0] + [0.0] * 5, gradient_norm__b=[0.0] * 9 + [1e-30]))
    assert found == (LayerProblem("no gradient", ("a",), 0.0),)


def test_updates_far_from_the_usual_ratio() -> None:
    found = find_layer_problems(
        metrics(
            update_ratio__usual=[-3.0] * 9,
            update_ratio__first=[0.3] * 4 + [-2.0] * 3,  # large only at first, as with Adam
            update_ratio__last=[-3.0] + [-7.0] * 9,  # small only at the end of the schedule
            update_ratio__seldom_large=[-3.0] * 4 + [-0.4, -0.2, -3.0],
            update_ratio__large=[-3.0] * 4 + [-0.1, -0.3, 9.0],
            update_ratio__frozen=[-math.inf] * 9,
            update_ratio__nan=[0.1] * 5 + [math.nan],
            update_ratio__small=[-6.0] * 9 + [-5.5],
            update_ratio__smaller=[-7.0] * 9 + [-math.inf],
        )
    )
    assert found == (
        LayerProblem("large updates", ("large",), -0.3),
        LayerProblem("small updates", ("small", "smaller"), -5.5),
    )
    assert find_layer_problems(metrics(update_ratio__zero=[math.inf] * 9)) == ()


def test_serious_problems_are_first() -> None:
    found = find_layer_problems(
        metrics(
            update_ratio__a=[1.0] * 5,
            gradient_norm__b=[0.0] * 5,
            dead_relus__b=[1.0] * 5,
            non_finite__a=[1.0],
            loss=[0.0] * 5,
        )
    )
    assert [problem.kind for problem in found] == ["non-finite", "dead ReLUs", "no gradient", "large updates"]
