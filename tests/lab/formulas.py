"""Evaluates formulas that are shown to the user."""

import math
import re


def evaluate(formula: str) -> list[tuple[float, int]]:
    """Return, for each `… = n` in `formula`, the computed value of its left side, and n."""
    sides = []
    for left, right in re.findall(r"([\d(⌊⌈][^=:a-z]*) = ([\d,]+)", formula):
        expression = left.replace("−", "-").replace("·", "*").replace("×", "*").replace(",", "")
        expression = re.sub(r"⌊(.*?)⌋", r"math.floor(\1)", re.sub(r"⌈(.*?)⌉", r"math.ceil(\1)", expression))
        sides.append((eval(expression, {"math": math}), int(right.replace(",", ""))))  # noqa: S307 - our own formula
    assert sides, f"no formula in {formula!r}"
    return sides
