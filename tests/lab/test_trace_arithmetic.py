"""The formulas of a row are right: their results are the sizes that torch itself computes."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fashion_tui.lab.networks import GuideNet
from fashion_tui.lab.trace import trace
from fashion_tui.schema.shapes import ShapeRow

from .formulas import evaluate
from .networks import FunctionNet, Guide


def row_of(layer: nn.Module | Callable[..., Any], *shapes: tuple[int, ...], **attributes: Any) -> ShapeRow:
    model = nn.Sequential(layer) if isinstance(layer, nn.Module) else FunctionNet(layer, **attributes)
    table = trace(model, shapes)
    assert table.error is None, table.error
    return table.rows[-1]


def output_sizes(layer: nn.Module, *shape: int) -> tuple[int, ...]:
    """Return the output sizes without batch and channels, computed by torch on the CPU."""
    return tuple(layer(torch.zeros(2, *shape)).shape[2:])


def check_formula(layer: nn.Module, *shape: int) -> str:
    """Return the formulas, after checking that they are true and that they give the real output sizes."""
    formula = row_of(layer, shape).arithmetic
    sides = output_sizes(layer, *shape)
    results = evaluate(formula)
    assert all(left == right for left, right in results), formula
    assert tuple(right for _, right in results) in {sides, sides[:1]}, (formula, sides)
    assert len(results) == len(sides) or len(set(sides)) == 1
    return formula


def test_the_guides_network() -> None:
    rows = trace(Guide(), (1, 28, 28)).rows
    assert [(row.name, row.arithmetic) for row in rows if row.arithmetic] == [
        ("conv1", "(28 − 5 + 2·2) / 1 + 1 = 28"),
        ("max_pool2d", "(28 − 2) / 2 + 1 = 14"),
        ("conv2", "(14 − 5 + 2·2) / 1 + 1 = 14"),
        ("max_pool2d", "(14 − 2) / 2 + 1 = 7"),
        ("view", "20·7·7 = 980"),
        ("fc1", "[1×980] · [980×200] = [1×200]"),
        ("fc2", "[1×200] · [200×10] = [1×10]"),
    ]
    assert [row.params_arithmetic for row in rows if row.params] == [
        "weight 12×1×5×5 = 300, bias 12",
        "weight 20×12×5×5 = 6,000, bias 20",
        "weight 200×980 = 196,000, bias 200",
        "weight 10×200 = 2,000, bias 10",
    ]
    assert [row.macs_arithmetic for row in rows if row.macs] == [
        "(12·28·28) · (1·5·5) = 235,200",
        "(20·14·14) · (12·5·5) = 1,176,000",
        "200 · 980 = 196,000",
        "10 · 200 = 2,000",
    ]


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("padding", [0, 1, 2, "same"])
@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (2, 1), (3, 1), (3, 2), (5, 3), (4, 4)])
def test_convolutions(kernel: int, stride: int, dilation: int, padding: Any) -> None:
    stride = 1 if padding == "same" else stride  # torch allows no other stride for "same"
    layer = nn.Conv2d(2, 4, kernel, stride=stride, padding=padding, dilation=dilation)
    check_formula(layer, 2, 29, 29)
    check_formula(layer, 2, 17, 30)


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize(("kernel", "stride", "padding"), [(2, 2, 0), (3, 2, 1), (3, 3, 0), (2, 3, 1), (5, 4, 2)])
@pytest.mark.parametrize("kind", [nn.MaxPool2d, nn.AvgPool2d])
def test_pools(kind: type[nn.Module], kernel: int, stride: int, padding: int, *, ceil_mode: bool) -> None:
    layer = kind(kernel, stride, padding, ceil_mode=ceil_mode)
    for size in range(9, 21):
        check_formula(layer, 3, size, size)
    check_formula(layer, 3, 9, 16)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "extra"), [(2, 2, 0, 0), (3, 2, 1, 1), (4, 2, 1, 0), (5, 3, 2, 2)]
)
@pytest.mark.parametrize("dilation", [1, 2])
def test_transposed_convolutions(kernel: int, stride: int, padding: int, extra: int, dilation: int) -> None:
    layer = nn.ConvTranspose2d(4, 3, kernel, stride, padding, output_padding=extra, dilation=dilation)
    check_formula(layer, 4, 7, 7)
    check_formula(layer, 4, 7, 9)


@pytest.mark.parametrize(
    ("layer", "shape", "macs"),
    [
        (nn.ConvTranspose1d(3, 5, 4, stride=2), (3, 6), "(3·6) · (5·4) = 360"),
        (nn.ConvTranspose2d(4, 6, (3, 5), stride=(2, 3), groups=2), (4, 7, 9), "(4·7·9) · (3·3·5) = 11,340"),
        (nn.ConvTranspose3d(2, 3, 2), (2, 3, 4, 5), "(2·3·4·5) · (3·2·2·2) = 2,880"),
    ],
)
def test_each_input_of_a_transposed_convolution_is_multiplied_by_the_whole_kernel(
    layer: nn.Module, shape: tuple[int, ...], macs: str
) -> None:
    check_formula(layer, *shape)
    row = row_of(layer, shape)
    assert row.macs_arithmetic == macs
    assert evaluate(macs) == [(row.macs, row.macs)]


def test_a_linear_layer_as_a_function() -> None:
    row = row_of(lambda self, x: F.linear(x, self.weight), (5,), weight=nn.Parameter(torch.empty(3, 5)))
    assert row.arithmetic == "[1×5] · [5×3] = [1×3]"
    assert row.macs_arithmetic == "3 · 5 = 15"


def test_a_transposed_convolution_as_a_function() -> None:
    """All arguments are positional and differ: stride 3, padding 1, output padding 2, 2 groups and dilation 4."""
    weight = nn.Parameter(torch.empty(4, 3, 3, 3))
    row = row_of(lambda self, x: F.conv_transpose2d(x, self.weight, None, 3, 1, 2, 2, 4), (4, 7, 7), weight=weight)
    assert row.outputs == ((6, 27, 27),)
    assert row.arithmetic == "(7 − 1)·3 + 4·(3 − 1) + 1 − 2·1 + 2 = 27"
    assert row.macs_arithmetic == "(4·7·7) · (3·3·3) = 5,292"
    assert row.macs == 5_292


def test_layers_with_one_axis_three_axes_or_axes_that_differ() -> None:
    assert check_formula(nn.Conv1d(2, 3, 4), 2, 12) == "(12 − 4) / 1 + 1 = 9"
    assert check_formula(nn.MaxPool3d(2), 1, 4, 6, 8) == (
        "depth (4 − 2) / 2 + 1 = 2, height (6 − 2) / 2 + 1 = 3, width (8 − 2) / 2 + 1 = 4"
    )
    formula = check_formula(nn.Conv2d(1, 2, (3, 5), stride=(1, 2)), 1, 28, 28)
    assert formula == "height (28 − 3) / 1 + 1 = 26, width ⌊(28 − 5) / 2⌋ + 1 = 12"


def test_functions_have_the_formulas_of_layers() -> None:
    weight = nn.Parameter(torch.empty(6, 4, 3, 3))

    def convolve(self: Any, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, None, 2, padding=1, dilation=2)

    row = row_of(convolve, (4, 16, 16), weight=weight)
    assert row.arithmetic == "⌊(16 − 2·(3 − 1) − 1 + 2·1) / 2⌋ + 1 = 7"
    assert row.params_arithmetic == "weight 6×4×3×3 = 216"
    assert row.macs_arithmetic == "(6·7·7) · (4·3·3) = 10,584"
    assert row.macs == 6 * 7 * 7 * 4 * 3 * 3
    pooled = row_of(lambda _, x: F.avg_pool2d(x, 3, 2, 0, True), (1, 8, 8))
    assert (pooled.arithmetic, pooled.outputs) == ("⌈(8 − 3) / 2⌉ + 1 = 4", ((1, 4, 4),))
    assert row_of(lambda _, x: F.max_pool2d(x, 2), (1, 9, 9)).arithmetic == "⌊(9 − 2) / 2⌋ + 1 = 4"


def test_a_function_repeats_its_window_for_each_axis() -> None:
    for pool, shape, settings in (
        (F.max_pool1d, (3, 20), "2 s2"),
        (F.avg_pool2d, (3, 4, 4), "2×2 s2"),
        (F.max_pool3d, (3, 4, 4, 4), "2×2×2 s2"),
    ):
        row = row_of(lambda _, x, pool=pool: pool(x, 2), shape)
        assert row.settings == settings
        assert evaluate(row.arithmetic) == [(row.outputs[0][-1], row.outputs[0][-1])]


def test_groups() -> None:
    row = row_of(nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False), (8, 10, 10))
    assert row.params_arithmetic == "weight 8×1×3×3 = 72"
    assert row.macs_arithmetic == "(8·10·10) · (1·3·3) = 7,200"
    assert row.macs == 7_200


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (nn.Flatten(), (20, 7, 7), "20·7·7 = 980"),
        (lambda _, x: x.reshape(-1, 4, 245), (20, 7, 7), "20·7·7 = 980 = 4·245"),
        (lambda _, x: x.flatten(2), (20, 7, 7), "20·7·7 = 980 = 20·49"),
        (lambda _, x: torch.cat([x, x[:, :3]], dim=1), (12, 5, 5), "12 + 3 = 15"),
        (lambda _, x: x.chunk(3, dim=-1), (5, 12), "4 + 4 + 4 = 12"),
        (lambda _, x: x.mean((2, 3)), (16, 7, 7), "mean of 7·7 = 49 values each"),
        (lambda _, x: x.sum(-1, keepdim=True), (16, 7), "sum of 7 values each"),
        (nn.AdaptiveAvgPool2d(1), (16, 7, 7), "7 / 1 = 7: each value pools 7×7"),
        (nn.Upsample(scale_factor=2), (3, 7, 7), "7·2 = 14"),
        (nn.Linear(6, 4), (5, 6), "[5×6] · [6×4] = [5×4]"),
        (lambda _, x: x @ x.transpose(1, 2), (5, 6), "[5×6] · [6×5] = [5×5]"),
        (lambda _, x: x @ x.transpose(2, 3), (3, 5, 6), "3 times [5×6] · [6×5] = [5×5]"),
        (nn.ReLU(), (3, 4), ""),
        (nn.AdaptiveAvgPool2d(3), (16, 7, 7), ""),
    ],
)
def test_other_calls(layer: Any, shape: tuple[int, ...], expected: str) -> None:
    assert row_of(layer, shape).arithmetic == expected


def test_the_formulas_give_the_counted_macs_and_parameters() -> None:
    for row in trace(GuideNet(), (1, 28, 28)).rows:
        if row.macs:
            assert evaluate(row.macs_arithmetic) == [(row.macs, row.macs)]
        if row.params:
            assert sum(right for _, right in evaluate(row.params_arithmetic)) < row.params


def test_many_parameters_are_summarised() -> None:
    row = row_of(nn.LSTM(3, 5, num_layers=2), (7, 3))
    assert row.params_arithmetic == (
        "weight_ih_l0 20×3 = 60, weight_hh_l0 20×5 = 100, bias_ih_l0 20, bias_hh_l0 20, 4 more with 240"
    )
    assert row.params == 60 + 100 + 20 + 20 + 240


def test_a_failed_call_has_no_formula_for_its_shape() -> None:
    row = trace(Guide(pooling=4, features=180), (1, 28, 28)).rows[-1]
    assert row.failed
    assert row.arithmetic == ""
    assert row.params_arithmetic == "weight 200×980 = 196,000, bias 200"
