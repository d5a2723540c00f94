"""A tensor's numbers as short texts."""

from fashion_tui.schema.tensors import Statistics

from .glyphs import Glyphs
from .words import formula

_SHORT = {"float": "f", "bfloat": "bf", "int": "i", "uint": "u", "complex": "c"}


def number(value: float | str, glyphs: Glyphs) -> str:
    """Four figures: `−0.1234`, `2.5e+09`; of whole numbers up to six; what is no number by its name."""
    if isinstance(value, str):
        return {"Infinity": "inf", "-Infinity": "-inf"}.get(value, value)
    text = str(int(value)) if value == int(value) and abs(value) < 1e6 else f"{value:.4g}"
    return formula(text.replace("-", "−"), glyphs)


def summary(numbers: Statistics | None, *, single: bool, glyphs: Glyphs) -> str:
    """The value of a single number, else the mean of many: `3`, `mean 0.12`. What is no number has its name."""
    if numbers is None:
        return ""
    about = approximately(numbers, glyphs)
    if numbers.mean is None:
        return "NaN" if numbers.nans else "inf" if numbers.infinities else ""
    if single:
        return number(numbers.mean, glyphs)
    return f"mean {about}{number(numbers.mean, glyphs)}"


def approximately(numbers: Statistics, glyphs: Glyphs) -> str:
    """Stands before a figure of a sample."""
    if not numbers.sampled:
        return ""
    return "≈" if glyphs.unicode else "~"


def trouble(numbers: Statistics | None) -> str:
    """`2 NaN, 1 inf`; empty where all are finite. Of a sample how many are expected can't be told."""
    if numbers is None:
        return ""
    found = ((numbers.nans, "NaN"), (numbers.infinities, "inf"))
    if numbers.sampled:
        return ", ".join(name for count, name in found if count)
    return ", ".join(f"{count:,} {name}" for count, name in found if count)


def short_dtype(dtype: str) -> str:
    """`f32` of `float32`, `i64` of `int64`; others as they are."""
    kind = dtype.rstrip("0123456789")
    return _SHORT[kind] + dtype[len(kind) :] if kind in _SHORT else dtype


def short_operation(operation: str) -> str:
    """`Mul` of `MulBackward0`."""
    return operation.rstrip("0123456789").removesuffix("Backward") or operation
