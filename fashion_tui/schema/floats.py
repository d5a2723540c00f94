"""Floats in JSON, where NaN and infinity are written as the strings "NaN", "Infinity" and "-Infinity"."""

import math
from typing import Any, TypeVar

import msgspec

JsonFloat = float | str
"""A float in JSON. Non-finite values are the strings "NaN", "Infinity" and "-Infinity"."""

NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

StructT = TypeVar("StructT", bound=msgspec.Struct)


def encode_float(value: float) -> JsonFloat:
    """Return a finite float unchanged, and any other float as a string."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def decode_float(value: JsonFloat) -> float:
    """Decode a float encoded by `encode_float`. Raises ValueError for any other string."""
    if not isinstance(value, str):
        return value
    if value not in NON_FINITE:
        raise ValueError(f"{value!r} is not a number")
    return NON_FINITE[value]


def encode_floats(struct: StructT) -> StructT:
    """Encode the non-finite floats in a struct's fields, lists and dicts of lists as strings.

    msgspec would encode them as null.
    """
    changed: dict[str, Any] = {}
    for name in struct.__struct_fields__:
        value = getattr(struct, name)
        if isinstance(value, float) and not math.isfinite(value):
            changed[name] = encode_float(value)
        elif isinstance(value, list) and _has_non_finite(value):
            changed[name] = _encode_list(value)
        elif isinstance(value, dict) and any(
            isinstance(item, list) and _has_non_finite(item) for item in value.values()
        ):
            changed[name] = {key: _encode_list(item) for key, item in value.items()}
    return msgspec.structs.replace(struct, **changed) if changed else struct


def _has_non_finite(values: list[Any]) -> bool:
    return any(isinstance(value, float) and not math.isfinite(value) for value in values)


def _encode_list(values: list[Any]) -> list[Any]:
    return [encode_float(value) if isinstance(value, float) else value for value in values]
