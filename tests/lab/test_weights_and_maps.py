"""Histograms of weights, feature maps as images, and the time that each call takes."""

import time
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fashion_tui.lab.evaluation.feature_maps import as_images, as_planes, map_size, value_range
from fashion_tui.lab.evaluation.histograms import histogram, weight_histograms
from fashion_tui.lab.networks import GuideNet
from fashion_tui.lab.trace import trace
from fashion_tui.lab.trace.activations import output_of_call
from fashion_tui.schema.dataset import ImageShape
from fashion_tui.schema.errors import UserError

from .networks import FunctionNet, Residual, build_on_meta

CPU = torch.device("cpu")


def test_histograms_agree_with_numpy() -> None:
    values = torch.randn(10_000, generator=torch.Generator().manual_seed(0))
    found = histogram("a.weight", values.view(100, 100))
    counts, edges = np.histogram(values.double().numpy(), 36)
    assert found.counts == tuple(counts)
    assert (found.low, found.high) == pytest.approx((edges[0], edges[-1]))
    assert found.mean == pytest.approx(values.double().numpy().mean(), rel=1e-3)
    assert found.std == pytest.approx(values.double().numpy().std(), rel=1e-5), "not the 0.005 % larger sample std"
    assert found.non_finite == 0


def test_histograms_of_non_finite_and_constant_weights() -> None:
    broken = histogram("x", torch.tensor([1.0, float("nan"), float("inf"), 2.0]))
    assert (broken.non_finite, sum(broken.counts), broken.low, broken.high) == (2, 2, 1.0, 2.0)
    assert sum(histogram("x", torch.full((5,), float("nan"))).counts) == 0
    same = histogram("x", torch.ones(7))
    assert (sum(same.counts), same.low, same.high, same.std) == (7, 1.0, 1.0, 0.0)


def test_every_parameter_has_a_histogram() -> None:
    model = GuideNet()
    names = [found.name for found in weight_histograms(model)]
    assert names == [name for name, _ in model.named_parameters()]
    assert set(names) == {name for row in trace(model, (1, 28, 28)).rows for name in row.weights}
    assert weight_histograms(build_on_meta(GuideNet)) == ()


def test_output_of_a_call_is_what_the_network_computes() -> None:
    torch.manual_seed(0)
    model = GuideNet().eval()
    images = torch.rand(1, 1, 28, 28)
    first = F.max_pool2d(F.relu(model.conv1(images)), 2)
    second = F.relu(model.conv2(first))
    output, logits = output_of_call(model, images, path="relu", op="F.relu", occurrence=1)
    assert torch.equal(output, second)
    assert torch.equal(logits, model(images))
    with pytest.raises(UserError, match="nosuch"):
        output_of_call(model, images, path="nosuch", op="F.relu")


def test_output_is_kept_if_a_later_call_changes_it_in_place() -> None:
    block = Residual(3)
    model = FunctionNet(lambda self, x: self.block(x), block=block).eval()
    image = torch.rand(1, 3, 4, 4)
    output, _ = output_of_call(model, image, path="block.norm", op="BatchNorm2d")
    assert torch.equal(output, block.norm(block.conv(image)))
    assert bool((output < 0).any()), "the output before the in-place ReLU"


def test_feature_maps_are_scaled_from_black_to_white() -> None:
    planes = torch.zeros(2, 14, 14)
    planes[0, 3, 5] = 4.0
    planes[1] = -4.0
    low, high = value_range(planes)
    assert (low, high) == (-4.0, 4.0)
    first, second = (np.frombuffer(image, np.uint8).reshape(28, 28) for image in as_images(planes, low, high, (28, 28)))
    assert (first[6:8, 10:12] == 255).all()
    assert (first == 128).sum() == 28 * 28 - 4
    assert not second.any()


@pytest.mark.parametrize(
    ("shape", "planes"),
    [((3, 5, 7), (3, 5, 7)), ((4, 6), (1, 4, 6)), ((10,), (1, 3, 4)), ((), (1, 1, 1)), ((2, 3, 4, 5), (6, 4, 5))],
)
def test_output_of_any_shape_is_shown_as_images(shape: tuple[int, ...], planes: tuple[int, ...]) -> None:
    found = as_planes(torch.rand(1, *shape), shape)
    assert found.shape == planes
    images = as_images(found, *value_range(found), (28, 40))
    assert [len(image) for image in images] == [28 * 40] * planes[0]


@pytest.mark.parametrize(
    ("shape", "size"), [((1, 28, 28), (28, 28)), ((3, 32, 48), (32, 48)), ((3, 224, 112), (64, 32))]
)
def test_feature_maps_are_as_large_as_small_images(shape: ImageShape, size: tuple[int, int]) -> None:
    assert map_size(shape) == size


def test_nan_is_black() -> None:
    planes = torch.full((1, 28, 28), float("nan"))
    planes[0, 0, 0] = 1.0
    assert value_range(planes) == (1.0, 1.0)
    assert set(as_images(planes, 0.0, 1.0, (28, 28))[0][1:]) == {0}


def test_the_largest_layer_takes_longest() -> None:
    block = nn.Sequential(nn.Linear(2000, 4), nn.ReLU())
    table = trace(nn.Sequential(nn.Linear(4, 2000), nn.Linear(2000, 2000), block), (4,), measure=CPU)
    assert table.timed_on == "cpu"
    assert table.timed_batch == 32
    seconds = {row.path: row.seconds for row in table.rows}
    assert seconds["1"] > 2 * max(seconds["0"], seconds["2.0"], seconds["2.1"])
    assert seconds["2"] == pytest.approx(seconds["2.0"] + seconds["2.1"])
    assert table.seconds == pytest.approx(seconds["0"] + seconds["1"] + seconds["2"])


def test_a_call_before_any_weights_has_no_backward_time() -> None:
    model = nn.Sequential(nn.ReLU(), nn.Linear(4, 4), nn.ReLU(inplace=True))
    rows = trace(model, (4,), measure=CPU).rows
    assert [bool(row.backward_seconds) for row in rows] == [False, True, True]
    assert all(row.forward_seconds for row in rows)


def test_forward_and_backward_times_are_measured_separately(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each backward pass takes at least 10 ms, and each forward pass takes microseconds."""
    grad = torch.autograd.grad

    def slow_grad(*args: Any, **kwargs: Any) -> Any:
        time.sleep(0.01)
        return grad(*args, **kwargs)

    monkeypatch.setattr(torch.autograd, "grad", slow_grad)
    model = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 4), nn.ReLU()))
    rows = {row.path: row for row in trace(model, (4,), measure=CPU).rows}
    for path, calls in {"0": 1, "1": 2, "1.0": 1, "1.1": 1}.items():
        backward, forward = rows[path].backward_seconds, rows[path].forward_seconds
        assert backward is not None
        assert forward is not None
        assert backward >= calls * 0.01 > forward > 0, path


def test_timing_changes_neither_the_network_nor_the_random_generator() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout())
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = torch.get_rng_state()
    trace(model, (1, 8, 8), measure=CPU)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_network_that_fails_or_cannot_be_run_is_not_timed() -> None:
    assert not trace(nn.Linear(3, 2), (4,), measure=CPU).timed_on

    def only_for_few_samples(_self: object, x: Tensor) -> Tensor:
        if len(x) > 8:
            raise RuntimeError("too many samples")
        return x * 2

    table = trace(FunctionNet(only_for_few_samples), (4,), measure=CPU)
    assert table.error is None
    (remark,) = table.remarks
    assert "too many samples" in remark.text
