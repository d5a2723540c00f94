"""Format numbers, shapes and strings as short text, in ASCII if the terminal supports nothing else."""

import math
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from fashion_tui.schema import text as safe_text
from fashion_tui.schema.floats import JsonFloat
from fashion_tui.schema.inputs import InputSpec
from fashion_tui.schema.replies import Device
from fashion_tui.schema.shapes import Shape
from fashion_tui.schema.tensors import Statistics

from .glyphs import ASCII, UNICODE, Glyphs, ascii_text

_DTYPE_LETTERS = {"float": "f", "bfloat": "bf", "int": "i", "uint": "u", "complex": "c"}
_ASCII_MATH = (("⌊", "floor("), ("⌈", "ceil("), ("⌋", ")"), ("⌉", ")"), ("·", "*"))
_INFINITIES = {"Infinity": "inf", "-Infinity": "−inf"}
"""Displayed text for the JSON strings of infinite numbers. "NaN" is displayed unchanged."""

# Strings


def printable(text: str, glyphs: Glyphs) -> str:
    """Return `text` on one printable line, as ASCII if `glyphs` are ASCII."""
    text = safe_text.printable(text)
    return text if glyphs.unicode else ascii_text(text.replace(UNICODE.ellipsis, ASCII.ellipsis))


def shorten(name: str, width: int, glyphs: Glyphs) -> str:
    """Return a name that is at most `width` columns wide.

    A longer name is cut in the middle, because names that start alike often differ at the end.
    """
    name = printable(name, glyphs)
    mark = glyphs.ellipsis if glyphs.unicode else "~"
    if cell_len(name) <= width:
        return name
    end_width = max((width - 1) // 2, 0)
    end = name[len(name) - end_width :]
    while cell_len(end) > end_width:  # characters may be two columns wide
        end = end[1:]
    return set_cell_size(name, max(width - 1 - cell_len(end), 0)) + mark[:width] + end


def format_formula(formula: str, glyphs: Glyphs) -> str:
    """Return the formula. If `glyphs` are ASCII, use ASCII operators, as in `floor((14 - 5 + 2*2) / 1) + 1 = 14`."""
    if glyphs.unicode:
        return formula
    for character, replacement in _ASCII_MATH:
        formula = formula.replace(character, replacement)
    return printable(formula, glyphs)


# Numbers


def format_number(value: JsonFloat, glyphs: Glyphs, digits: int = 4) -> str:
    """Return `value` with `digits` significant digits: `−0.1234`, `2.5e+09`. Integers below a million are exact.

    `value` may also be a non-finite number as a JSON string: "NaN", "Infinity" or "-Infinity".
    """
    if isinstance(value, str):
        text = _INFINITIES.get(value, value)
    elif math.isnan(value):
        text = "NaN"
    elif abs(value) < 1e6 and value == int(value):
        text = str(int(value))
    else:
        text = f"{value:.{digits}g}"
    return format_formula(text.replace("-", "−"), glyphs)


def format_count(count: int) -> str:
    """Return a count. Counts of 10,000 or more have three significant digits: `235 K`, `1.18 M`."""
    if count < 10_000:
        return f"{count:,}"
    size = float(count)
    for letter in "KMGTP":
        size /= 1000
        if size < 999.5 or letter == "P":
            break
    return f"{_three_digits(size)} {letter}"


def format_range(first: int, last: int, glyphs: Glyphs) -> str:
    """Return a range of whole numbers, such as `1,825–1,828`."""
    return f"{first:,}{'–' if glyphs.unicode else '-'}{last:,}"


def format_bytes(size: int) -> str:
    """Return a size in bytes with three significant digits: `40 bytes`, `119 KiB`."""
    amount = float(size)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if amount < 1023.5 or unit == "GiB":
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if amount >= 99.5 or unit == "bytes" else f"{amount:.3g} {unit}"


def format_percent(share: JsonFloat, digits: int = 1) -> str:
    """Format a share from 0 to 1 as a percentage, such as `90.5 %`, or as `NaN`."""
    return "NaN" if isinstance(share, str) or math.isnan(share) else f"{share * 100:.{digits}f} %"


def format_accuracy(share: JsonFloat) -> str:
    """Format the accuracy on a test set as a percentage with two decimals, such as `94.19 %`."""
    return format_percent(share, digits=2)


def format_loss(loss: JsonFloat) -> str:
    """Return a loss with three decimals (`0.298`), or in scientific notation if it is 1000 or more (`5.51e+04`).

    A non-finite loss, which events store as a string, becomes `NaN` or `inf`.
    """
    if isinstance(loss, str):
        return _INFINITIES.get(loss, loss)
    if math.isnan(loss):
        return "NaN"
    return f"{loss:.3f}" if abs(loss) < 1000 else f"{loss:.3g}"


# Times


def format_seconds(seconds: float, glyphs: Glyphs) -> str:
    """Return a short measured time with three significant digits: `35.1 µs`, `1.20 ms`, `2.50 s`."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= 0.9995 * size or unit == "µs":  # 999.5 ms is rounded up to 1.00 s
            break
    return f"{_three_digits(seconds / size)} {unit if glyphs.unicode else unit.replace('µ', 'u')}"


def format_duration(seconds: float) -> str:
    """Return a duration to the second, as m:ss or h:mm:ss: `0:09`, `12:34`, `1:02:05`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _three_digits(amount: float) -> str:
    """Format a number below 1000 with three significant digits, but with at most two decimals."""
    return f"{amount:.{2 if amount < 9.995 else 1 if amount < 99.95 else 0}f}"


# Tensors and devices


def format_shape(shape: Shape, glyphs: Glyphs) -> str:
    """Format a shape, for example as `12×28×28`. An empty shape becomes `scalar`."""
    return printable("×".join(map(str, shape)) or "scalar", glyphs)


def format_shapes(shapes: Sequence[Shape], glyphs: Glyphs) -> str:
    """Return the first shape and the number of other shapes, such as `64×56×56 +1`."""
    if not shapes:
        return ""
    return format_shape(shapes[0], glyphs) + (f" +{len(shapes) - 1}" if len(shapes) > 1 else "")


def format_inputs(specs: Sequence[InputSpec], glyphs: Glyphs) -> str:
    """Describe the inputs of a network, for example as `image 1×28×28 float32, t int64`."""
    return ", ".join(_format_input(spec, glyphs) for spec in specs)


def _format_input(spec: InputSpec, glyphs: Glyphs) -> str:
    shape = format_shape(spec.shape, glyphs) if spec.shape else ""
    parts = [printable(spec.name or "", glyphs), shape, spec.dtype, "" if spec.batched else "without a batch axis"]
    return " ".join(filter(None, parts))


def format_mean(statistics: Statistics | None, *, single: bool, glyphs: Glyphs) -> str:
    """Return the mean as `mean 0.12`, or as `0.12` if `single` is true.

    Return `NaN` or `inf` if no value is finite.
    """
    if statistics is None:
        return ""
    if statistics.mean is None:
        return "NaN" if statistics.nans else "inf" if statistics.infinities else ""
    if single:
        return format_number(statistics.mean, glyphs)
    return f"mean {sample_mark(statistics, glyphs)}{format_number(statistics.mean, glyphs)}"


def sample_mark(statistics: Statistics, glyphs: Glyphs) -> str:
    """Return `≈` if the statistics were computed from a sample of the values, else an empty string."""
    return glyphs.approximately if statistics.sample_size else ""


def format_nonfinite(statistics: Statistics | None) -> str:
    """Return the counts of non-finite values, such as `2 NaN, 1 inf`, or an empty string if all values are finite.

    If the statistics were computed from a sample, the counts are left out: `NaN, inf`.
    """
    if statistics is None:
        return ""
    kinds = ((statistics.nans, "NaN"), (statistics.infinities, "inf"))
    if statistics.sample_size:
        return ", ".join(name for count, name in kinds if count)
    return ", ".join(f"{count:,} {name}" for count, name in kinds if count)


def short_dtype(dtype: str) -> str:
    """Return `f32` for `float32` and `i64` for `int64`. Other dtypes are unchanged."""
    kind = dtype.rstrip("0123456789")
    return _DTYPE_LETTERS[kind] + dtype[len(kind) :] if kind in _DTYPE_LETTERS else dtype


def short_operation(operation: str) -> str:
    """Return `Mul` for `MulBackward0`."""
    return operation.rstrip("0123456789").removesuffix("Backward") or operation


def format_device(device: Device) -> str:
    """Return a device's usage, if known, and its description.

    For example, `3% busy, 2.1 GiB of 79.6 GiB used: NVIDIA H100`.
    """
    usage = [f"{device.utilization:.0%} busy"] if device.utilization is not None else []
    if device.memory is not None and device.memory_used is not None:
        usage.append(f"{format_bytes(device.memory_used)} of {format_bytes(device.memory)} used")
    return ": ".join(part for part in (", ".join(usage), device.description) if part)
