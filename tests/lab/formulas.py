"""Formulas that are shown, worked out anew."""

import math
import re


def worked_out(formula: str) -> list[tuple[float, int]]:
    """Both sides of each `… = n` in it, the left one computed."""
    found = []
    for left, right in re.findall(r"([\d(⌊⌈][^=:a-z]*) = ([\d,]+)", formula):
        expression = left.replace("−", "-").replace("·", "*").replace("×", "*").replace(",", "")
        expression = re.sub(r"⌊(.*?)⌋", r"math.floor(\1)", re.sub(r"⌈(.*?)⌉", r"math.ceil(\1)", expression))
        found.append((eval(expression, {"math": math}), int(right.replace(",", ""))))  # noqa: S307 - our own formula
    assert found, f"no formula in {formula!r}"
    return found
