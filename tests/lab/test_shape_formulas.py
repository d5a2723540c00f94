"""For any convolution, transposed convolution or pool, the shape trace shows the sizes that torch computes, and why."""

import copy
import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from torch import Tensor, nn

from fashion_tui.lab.trace import trace
from fashion_tui.schema.shapes import Shape, ShapeRow

from .formulas import evaluate
from .networks import FunctionNet

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")

CONVOLUTIONS: list[list[type[nn.Module]]] = [
    [nn.Conv1d, nn.Conv2d, nn.Conv3d],
    [nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d],
]
POOLS: list[list[type[nn.Module]]] = [
    [nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d],
    [nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d],
]


@st.composite
def per_axis(draw: DrawFn, axes: int, low: int, high: int) -> tuple[int, ...]:
    """Return one number for each axis, often the same for all of them."""
    number = st.integers(low, high)
    if draw(st.booleans()):
        return (draw(number),) * axes
    return tuple(draw(st.lists(number, min_size=axes, max_size=axes)))


@st.composite
def convolutions(draw: DrawFn, kinds: list[type[nn.Module]]) -> tuple[nn.Module, Shape]:
    """Return a layer and the shape of its input. The kernel may be larger than the padded input."""
    axes = draw(st.integers(1, 3))
    kind: Any = kinds[axes - 1]
    groups, inputs, outputs = draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    settings: dict[str, Any] = {
        "kernel_size": draw(per_axis(axes, 1, 5)),
        "stride": draw(per_axis(axes, 1, 3)),
        "padding": draw(per_axis(axes, 0, 3)),
        "dilation": draw(per_axis(axes, 1, 3)),
    }
    if kind in CONVOLUTIONS[1]:
        limits = map(max, settings["stride"], settings["dilation"])  # on the CPU, torch refuses more
        settings["output_padding"] = tuple(draw(st.integers(0, limit - 1)) for limit in limits)
    elif draw(st.booleans()):
        settings |= draw(st.sampled_from([{"padding": "same", "stride": 1}, {"padding": "valid"}]))
    return kind(inputs * groups, outputs * groups, groups=groups, **settings), (
        inputs * groups,
        *draw(per_axis(axes, 1, 12)),
    )


@st.composite
def pools(draw: DrawFn) -> tuple[nn.Module, Shape]:
    """Return a layer and the shape of its input. The kernel may be larger than the padded input."""
    axes = draw(st.integers(1, 3))
    kinds = draw(st.sampled_from(POOLS))
    kind: Any = kinds[axes - 1]
    kernel = draw(per_axis(axes, 1, 5))
    settings: dict[str, Any] = {
        "stride": draw(per_axis(axes, 1, 4)),
        "padding": tuple(draw(st.integers(0, size // 2)) for size in kernel),
        "ceil_mode": draw(st.booleans()),
    }
    if kinds is POOLS[0]:
        settings["dilation"] = draw(per_axis(axes, 1, 3))
    return kind(kernel, **settings), (2, *draw(per_axis(axes, 1, 12)))


def as_function(layer: Any) -> nn.Module:
    """Return a network that calls the function of a layer, such as `F.max_pool2d`, with the layer's settings."""
    name = type(layer).__name__
    names = {"Conv": "conv", "ConvTranspose": "conv_transpose", "MaxPool": "max_pool", "AvgPool": "avg_pool"}
    function: Any = getattr(F, f"{names[name[:-2]]}{name[-2:].lower()}")
    if "Pool" in name:
        settings = ("kernel_size", "stride", "padding", *(["dilation"] if "Max" in name else []), "ceil_mode")
        values = {setting: getattr(layer, setting) for setting in settings}
        return FunctionNet(lambda _, x: function(x, **values))
    settings = ("stride", "padding", "dilation", "groups", *(["output_padding"] if "Transpose" in name else []))
    values = {setting: getattr(layer, setting) for setting in settings}

    def convolve(self: Any, x: Tensor) -> Tensor:
        result: Tensor = function(x, self.weight, self.bias, **values)
        return result

    return FunctionNet(convolve, weight=layer.weight, bias=layer.bias)


def check(layer: nn.Module, shape: Shape) -> tuple[ShapeRow, Shape] | None:
    """Check the trace of the layer, and of its function, against the shape that torch computes.

    Return the row and the output shape, or None if torch refuses the input.
    """
    rows = [trace(model, (shape,)).rows[-1] for model in (nn.Sequential(layer), as_function(layer))]
    try:
        output = tuple(copy.deepcopy(layer)(torch.rand(2, *shape)).shape[1:])
    except RuntimeError:
        assert all(row.failed and not row.arithmetic for row in rows)
        return None
    for row in rows:
        assert row.outputs == (output,)
        results = evaluate(row.arithmetic)
        assert all(left == right for left, right in results), row.arithmetic
        sizes = tuple(right for _, right in results)
        assert sizes == output[1:] or (len(sizes) == 1 and sizes * (len(output) - 1) == output[1:]), row.arithmetic
    assert rows[0].arithmetic == rows[1].arithmetic
    return rows[0], output


@given(convolutions(CONVOLUTIONS[0]))
def test_convolutions(layer_and_shape: tuple[nn.Module, Shape]) -> None:
    layer: Any = layer_and_shape[0]
    if found := check(*layer_and_shape):
        row, output = found
        assert row.macs == math.prod(output) * layer.in_channels // layer.groups * math.prod(layer.kernel_size)
        assert evaluate(row.macs_arithmetic) == [(row.macs, row.macs)]


@given(convolutions(CONVOLUTIONS[1]))
def test_transposed_convolutions(layer_and_shape: tuple[nn.Module, Shape]) -> None:
    layer: Any = layer_and_shape[0]
    if found := check(*layer_and_shape):
        row, _ = found
        inputs = math.prod(layer_and_shape[1])
        assert row.macs == inputs * layer.out_channels // layer.groups * math.prod(layer.kernel_size)
        assert evaluate(row.macs_arithmetic) == [(row.macs, row.macs)]


@given(pools())
def test_pools(layer_and_shape: tuple[nn.Module, Shape]) -> None:
    check(*layer_and_shape)
