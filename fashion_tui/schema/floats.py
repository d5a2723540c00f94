"""Floats in JSON, which has no NaN and no infinity: those are written as the strings "NaN", "Infinity", "-Infinity"."""

import math
from typing import Any, TypeVar

import msgspec

JsonFloat = float | str
"""A float as it is written to JSON."""

NONFINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

S = TypeVar("S", bound=msgspec.Struct)


def encode_float(value: float) -> JsonFloat:
    """Return the float, or its string if it is NaN or infinite."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def decode_float(value: JsonFloat) -> float:
    """Invert `encode_float`; ValueError for any other string."""
    if not isinstance(value, str):
        return value
    if value not in NONFINITE:
        raise ValueError(f"{value!r} is not a number")
    return NONFINITE[value]


def encode_floats(struct: S) -> S:
    """Encode the floats among a struct's fields and in its lists; msgspec would write NaN and infinities as null."""
    changed: dict[str, Any] = {}
    for name in struct.__struct_fields__:
        value = getattr(struct, name)
        if isinstance(value, float) and not math.isfinite(value):
            changed[name] = encode_float(value)
        elif isinstance(value, list) and any(isinstance(item, float) and not math.isfinite(item) for item in value):
            changed[name] = [encode_float(item) if isinstance(item, float) else item for item in value]
    return msgspec.structs.replace(struct, **changed) if changed else struct
