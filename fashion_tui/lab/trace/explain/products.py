"""Change the value of a product in the source, such as `2 * width * 14 * 14`, by changing one of its numbers."""

import ast
from collections.abc import Iterator

from .source import Source


def rewrite_product(source: Source, node: ast.expr, old: int, new: int) -> str | None:
    """Return the code of a product whose value is `new` instead of `old`, or None if changing one number isn't enough.

    All occurrences of the number are changed: `2 * width * 14 * 14` becomes `2 * width * 7 * 7`. Numbers that occur
    several times are tried first, because they are the height and the width of an image.
    """
    if not isinstance(node, ast.BinOp) or node.lineno != node.end_lineno or old < 1:
        return None
    numbers: dict[int, list[tuple[ast.Constant, int]]] = {}
    for factor, power in _factors(node):
        if isinstance(factor, ast.Constant) and type(factor.value) is int and factor.value > 1:
            numbers.setdefault(factor.value, []).append((factor, power))
    powers = {number: sum(power for _, power in found) for number, found in numbers.items()}
    for number in sorted(numbers, key=lambda number: (-powers[number], -number)):
        other = round((new * number ** powers[number] / old) ** (1 / powers[number]))
        if other > 0 and old * other ** powers[number] == new * number ** powers[number]:
            return _replace(source, node, [factor for factor, _ in numbers[number]], str(other))
    return None


def _factors(node: ast.expr) -> Iterator[tuple[ast.expr, int]]:
    """Yield the factors of a product and their exponents: `x` and 1, and then `7` and 2, for `x * 7 ** 2`."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        yield from _factors(node.left)
        yield from _factors(node.right)
        return
    exponent = node.right if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) else None
    power = exponent.value if isinstance(exponent, ast.Constant) else None
    if isinstance(node, ast.BinOp) and isinstance(power, int) and power > 1:
        yield node.left, power
    else:
        yield node, 1


def _replace(source: Source, node: ast.expr, parts: list[ast.Constant], text: str) -> str:
    """Return the code of an expression on one line with some of its numbers replaced."""
    code = source.text(node).encode()
    for part in sorted(parts, key=lambda part: part.col_offset, reverse=True):
        start, end = part.col_offset - node.col_offset, (part.end_col_offset or 0) - node.col_offset
        code = code[:start] + text.encode() + code[end:]
    return code.decode()
