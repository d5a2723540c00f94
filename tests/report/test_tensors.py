"""The table of tensors, and the values of one tensor."""

import math

import msgspec
import pytest

from fashion_tui.report.colormap import heat_style
from fashion_tui.report.glyphs import ASCII, UNICODE
from fashion_tui.report.tensors import tensor_lines, value_lines, window_lines, window_size, window_slice
from fashion_tui.schema.tensors import Statistics, TensorRow, TensorValues, TensorWindow


def statistics(low: float, mean: float, high: float, nans: int = 0, sample_size: int = 0) -> Statistics:
    return Statistics(low=low, mean=mean, high=high, nans=nans, infinities=0, sample_size=sample_size)


def row(name: str, shape: tuple[int, ...], values: Statistics | None, **more: object) -> TensorRow:
    fields: dict[str, object] = {
        "kind": "tensor", "dtype": "float32", "device": "cpu", "requires_grad": False, "origin": "", "has_grad": False,
        "nbytes": 4 * math.prod(shape), "memory_group": 0, "strides": (),
    }  # fmt: skip
    return TensorRow(name=name, shape=shape, statistics=values, **(fields | more))  # type: ignore[arg-type]


ROWS = [
    row("A", (), statistics(3, 3, 3), requires_grad=True, origin="leaf", has_grad=True),
    row("batch[0]", (64, 1, 28, 28), statistics(0, 0.2861, 1), memory_group=1),
    row("C", (), statistics(6, 6, 6), requires_grad=True, origin="MulBackward0"),
    row("huge", (100_000, 1000), statistics(-4.2, 0.001, 4.5, sample_size=32_768)),
    row("bad", (2,), statistics(1, 1, 1, nans=1), dtype="bfloat16", device="cuda:0"),
    row("texts", (1,), None, dtype="<U1", problem="dtype <U1 is not numeric"),
]


def test_the_table() -> None:
    header, lines = tensor_lines(ROWS, 120, UNICODE)
    assert [header.plain, *(line.plain for line in lines)] == [
        "tensor    shape        dtype  device  grad    min    mean   max   memory  ≡",
        "A         scalar       f32    cpu     leaf              3        4 bytes",
        "batch[0]  64×1×28×28   f32    cpu     ·         0  0.2861     1  196 KiB  ≡1",
        "C         scalar       f32    cpu     Mul               6        4 bytes",
        "huge      100000×1000  f32    cpu     ·     ≈−4.2  ≈0.001  ≈4.5  381 MiB",
        "bad       2            bf16   cuda:0  ·         1   1 NaN     1  8 bytes",
        "texts     1            <U1    cpu     ·                          4 bytes",
    ]


@pytest.mark.parametrize("width", [24, 30, 40, 44, 50, 60, 80])
@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_no_line_is_too_long_and_names_and_means_are_kept(width: int, glyphs: object) -> None:
    header, lines = tensor_lines(ROWS, width, glyphs)  # type: ignore[arg-type]
    assert all(line.cell_len <= width for line in (header, *lines))
    assert "tensor" in header.plain
    assert "3" in lines[0].plain
    assert "1 NaN" in lines[4].plain
    if glyphs is ASCII:
        assert all(line.plain.isascii() for line in (header, *lines))


def test_half_of_a_terminal_of_120_columns_keeps_the_dtype_and_the_origin() -> None:
    longest = row(
        "classifier.weight", (64, 128, 128), statistics(-1, -0.001234, 1), origin="AdaptiveAvgPool2DBackward0"
    )
    header, lines = tensor_lines([msgspec.structs.replace(longest, requires_grad=True)], 47, UNICODE)
    assert header.plain.split() == ["tensor", "shape", "dtype", "grad", "mean"]
    assert "f32" in lines[0].plain
    assert "−0.001234" in lines[0].plain


def test_the_window_has_its_indices() -> None:
    tensor = row("t", (2, 3, 50, 60), statistics(0, 1, 2))
    window = TensorWindow(start=(1, 2, 10, 20), rows=2, columns=3, values=(0.0, -1.5, 2.0, "NaN", "Infinity", 0.25))
    assert window_slice(window, tensor) == "[1, 2, 10:12, 20:23]"
    assert [line.plain.split() for line in window_lines(window, tensor, UNICODE)] == [
        ["20", "21", "22"],
        ["10", "0", "−1.5", "2"],
        ["11", "NaN", "inf", "0.25"],
    ]
    vector = row("v", (5,), statistics(0, 1, 2))
    assert window_slice(TensorWindow(start=(1,), rows=1, columns=2, values=(0.0, 1.0)), vector) == "[1:3]"
    assert (
        window_slice(TensorWindow(start=(), rows=1, columns=1, values=(0.0,)), row("s", (), statistics(0, 0, 0))) == ""
    )
    rows, columns = window_size(50, 12)
    assert all(line.cell_len <= 50 for line in window_lines(window, tensor, UNICODE))
    assert (rows, columns) == (11, 4)


def test_the_facts_of_a_view() -> None:
    values = TensorValues(
        row=row("v", (3, 4), statistics(0, 1, 2, sample_size=7), strides=(1, 3)), storage_offset=6,
        layout="not contiguous", storage_nbytes=480, histogram=None, window=None, grad_statistics=statistics(1, 1, 1),
    )  # fmt: skip
    text = "\n".join(line.plain for line in value_lines(values, 80, 30, UNICODE))
    assert "strides (1, 3), not contiguous, 48 bytes of 480 bytes from element 6" in text
    assert "sample of 7 of 12" in text
    assert "grad 1" in text


def test_heat_colours_distinguish_signs_and_sizes() -> None:
    styles = [heat_style(value, -2, 1) for value in (-2.0, -1.0, 0.0, 1.0)]
    assert len({style.bgcolor for style in styles}) == 4
    assert heat_style(1.0, 1.0, 1.0) == heat_style(0.5, 0.5, 0.5)
