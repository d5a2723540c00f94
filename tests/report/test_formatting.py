"""Numbers, times, shapes and strings as text."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from fashion_tui.report.formatting import (
    format_bytes,
    format_count,
    format_device,
    format_duration,
    format_formula,
    format_loss,
    format_mean,
    format_nonfinite,
    format_number,
    format_percent,
    format_range,
    format_seconds,
    format_shape,
    format_shapes,
    printable,
    short_dtype,
    short_operation,
    shorten,
)
from fashion_tui.report.glyphs import ASCII, UNICODE
from fashion_tui.schema.replies import Device
from fashion_tui.schema.tensors import Statistics
from tests.numbers import floats

GPU = Device(name="cuda:0", description="NVIDIA H100", memory=80 * 2**30, utilization=0.03, memory_used=2 * 2**30)


def statistics(mean: float | None, *, nans: int = 0, infinities: int = 0, sample_size: int = 0) -> Statistics:
    return Statistics(low=mean, mean=mean, high=mean, nans=nans, infinities=infinities, sample_size=sample_size)


@pytest.mark.parametrize(
    ("value", "text"),
    [(-0.12346, "−0.1235"), (3.0, "3"), (1e7, "1e+07"), (1e-9, "1e−09"), (2.5e10, "2.5e+10"), (123456.0, "123456"),
     (0.0, "0"), (math.nan, "NaN"), ("NaN", "NaN"), ("Infinity", "inf"), ("-Infinity", "−inf"), (-math.inf, "−inf")],
)  # fmt: skip
def test_numbers(value: float | str, text: str) -> None:
    assert format_number(value, UNICODE) == text
    assert format_number(value, ASCII) == text.replace("−", "-")


def test_numbers_of_three_digits() -> None:
    assert format_number(-0.057849, UNICODE, digits=3) == "−0.0578"
    assert format_number(1234.5, UNICODE, digits=3) == "1.23e+03"


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (9_999, "9,999"), (10_000, "10.0 K"), (235_200, "235 K"), (999_499, "999 K"), (999_999, "1.00 M"),
     (1_609_200, "1.61 M"), (17_563_828_224, "17.6 G"), (10**18, "1000 P")],
)  # fmt: skip
def test_counts(count: int, text: str) -> None:
    assert format_count(count) == text


@pytest.mark.parametrize(
    ("size", "text"), [(40, "40 bytes"), (121_592, "119 KiB"), (20_678_560, "19.7 MiB"), (3 * 2**40, "3072 GiB")]
)
def test_bytes(size: int, text: str) -> None:
    assert format_bytes(size) == text


def test_ranges() -> None:
    assert format_range(1825, 12_028, UNICODE) == "1,825–12,028"
    assert format_range(1, 4, ASCII) == "1-4"


def test_percent_and_loss() -> None:
    assert format_percent(0.9046) == "90.5 %"
    assert format_percent(0.9046, digits=2) == "90.46 %"
    assert [format_loss(loss) for loss in (0.27, "NaN", "Infinity")] == ["0.270", "NaN", "inf"]
    assert [format_loss(loss) for loss in (999.9, 55115.977, 1e30)] == ["999.900", "5.51e+04", "1e+30"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0:00"), (9.4, "0:09"), (59.6, "1:00"), (125, "2:05"), (3599.6, "1:00:00"), (3725, "1:02:05")],
)
def test_durations(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(floats(0, 1e7))
def test_a_duration_is_read_back_as_the_nearest_second(seconds: float) -> None:
    first, *parts = format_duration(seconds).split(":")
    assert all(len(part) == 2 and int(part) < 60 for part in parts)
    assert len(parts) == 1 or int(first) > 0, "hours are left out if there are none"
    assert len(parts) == 2 or int(first) < 60
    total = int(first)
    for part in parts:
        total = total * 60 + int(part)
    assert abs(total - seconds) <= 0.5


def near(*values: float) -> st.SearchStrategy[float]:
    """Draw a number that differs by at most 0.1 % from one of the values, where units and decimals change."""
    return st.tuples(st.sampled_from(values), floats(0.999, 1.001)).map(lambda pair: pair[0] * pair[1])


def check_three_digits(text: str, value: float, sizes: dict[str, float], limit: float) -> None:
    """Check that a number below `limit` and its unit give the value to three digits, or to two decimals."""
    number, unit = text.split()
    assert float(number) < limit or unit == list(sizes)[-1], "a larger unit fits better"
    assert len(number.replace(".", "").lstrip("0")) <= 3 or float(number) >= 1000
    assert float(number) * sizes[unit] == pytest.approx(value, rel=0.00501, abs=0.00501 * min(sizes.values()))


@given(floats(0, 1e4) | near(*(10.0**power for power in range(-6, 4))))
def test_a_short_time_has_three_digits_below_1000(seconds: float) -> None:
    check_three_digits(format_seconds(seconds, UNICODE), seconds, {"µs": 1e-6, "ms": 1e-3, "s": 1.0}, 1000)


@given(st.integers(0, 2**50) | near(*(2**power * size for power in (0, 10, 20, 30) for size in (10, 100, 1024))))
def test_a_size_has_three_digits_below_1024(size: float) -> None:
    sizes = {"bytes": 1.0, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30}
    check_three_digits(format_bytes(int(size)), int(size), sizes, 1024)


@given(st.integers(10_000, 10**17) | near(*(10.0**power for power in range(5, 17))).map(int))
def test_a_large_count_has_three_digits(count: int) -> None:
    sizes = {"K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
    check_three_digits(format_count(count), count, sizes, 1000)


def test_short_times() -> None:
    assert [format_seconds(seconds, UNICODE) for seconds in (2.5, 0.0123, 35.14e-6, 4e-8)] == [
        "2.50 s", "12.3 ms", "35.1 µs", "0.04 µs",
    ]  # fmt: skip
    assert format_seconds(35e-6, ASCII) == "35.0 us"


def test_shapes() -> None:
    assert format_shape((12, 28, 28), UNICODE) == "12×28×28"
    assert format_shape((12, 28, 28), ASCII) == "12x28x28"
    assert format_shape((), UNICODE) == "scalar"
    assert format_shapes([(64, 56, 56), (3,)], UNICODE) == "64×56×56 +1"
    assert format_shapes([], UNICODE) == ""


def test_strings_are_shown_without_control_characters() -> None:
    assert printable("a\n\x1b[31m…", UNICODE) == "a \ufffd[31m…"
    assert printable("a − ü × …", ASCII) == "a - u x ..."


def test_formulas_in_ascii() -> None:
    formula = "⌊(28 − 5 + 2·2) / 2⌋ + 1 = 14"
    assert format_formula(formula, UNICODE) == formula
    assert format_formula(formula, ASCII) == "floor((28 - 5 + 2*2) / 2) + 1 = 14"


def test_statistics() -> None:
    assert format_mean(statistics(2, sample_size=5), single=False, glyphs=UNICODE) == "mean ≈2"
    assert format_mean(statistics(2), single=True, glyphs=UNICODE) == "2"
    assert format_mean(statistics(None, nans=1), single=True, glyphs=UNICODE) == "NaN"
    assert format_mean(None, single=True, glyphs=UNICODE) == ""
    assert format_nonfinite(statistics(2, nans=1200, infinities=1)) == "1,200 NaN, 1 inf"
    assert format_nonfinite(statistics(2, nans=1200, sample_size=9)) == "NaN"


def test_names_of_dtypes_and_operations() -> None:
    dtypes = {"float32": "f32", "bfloat16": "bf16", "int64": "i64", "uint8": "u8", "bool": "bool", "complex64": "c64"}
    assert {dtype: short_dtype(dtype) for dtype in dtypes} == dtypes
    assert short_operation("MulBackward0") == "Mul"
    assert short_operation("leaf") == "leaf"


@pytest.mark.parametrize(
    ("device", "text"),
    [
        (GPU, "3% busy, 2 GiB of 80 GiB used: NVIDIA H100"),
        (Device(name="mps", description="Apple GPU", memory=None), "Apple GPU"),
        (Device(name="cuda:1", description="NVIDIA T4", memory=2**30, utilization=1.0), "100% busy: NVIDIA T4"),
    ],
)
def test_devices(device: Device, text: str) -> None:
    assert format_device(device) == text


def test_names_of_wide_characters_keep_their_end() -> None:
    names = [shorten(f"服装の種類{index}番", 12, UNICODE) for index in (1, 2, 11)]
    assert len(set(names)) == 3
    assert all(name.endswith("番") and cell_len(name) <= 12 for name in names)
