"""Figures, shapes and words from outside as short texts, in ASCII where the terminal knows no more."""

from collections.abc import Sequence

from fashion_tui.schema.shapes import Shape

from .glyphs import Glyphs


def shape_words(shape: Shape, glyphs: Glyphs) -> str:
    """`12×28×28`; of a single number `scalar`."""
    return said("×".join(map(str, shape)) or "scalar", glyphs)


def shapes_words(shapes: Sequence[Shape], glyphs: Glyphs) -> str:
    """The first of them and how many more: `64×56×56 +1`."""
    if not shapes:
        return ""
    return shape_words(shapes[0], glyphs) + (f" +{len(shapes) - 1}" if len(shapes) > 1 else "")


def nothing(glyphs: Glyphs) -> str:
    return "·" if glyphs.unicode else "-"


def ellipsis(glyphs: Glyphs) -> str:
    return "…" if glyphs.unicode else "..."


def quantity(number: int) -> str:
    """Three figures of a large number: `235 K`, `1.18 M`."""
    if number < 10_000:
        return f"{number:,}"
    size = float(number)
    for letter in "KMGTP":
        size /= 1000
        if size < 999.5 or letter == "P":
            break
    return f"{size:.{2 if size < 9.995 else 1 if size < 99.95 else 0}f} {letter}"


def duration(seconds: float, glyphs: Glyphs) -> str:
    """Three figures of a short time: `35.1 µs`, `1.20 ms`."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size or unit == "µs":
            break
    amount = seconds / size
    figure = f"{amount:.{2 if amount < 9.995 else 1 if amount < 99.95 else 0}f}"
    return f"{figure} {unit if glyphs.unicode else unit.replace('µ', 'u')}"


def memory(size: int) -> str:
    """`119 KiB`."""
    amount = float(size)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if amount < 1024 or unit == "GiB":
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if amount >= 99.5 or unit == "bytes" else f"{amount:.3g} {unit}"


def said(words: str, glyphs: Glyphs) -> str:
    """Words from outside, on one line and without control characters; in ASCII where the terminal knows no more."""
    words = "".join(sign if sign.isprintable() else " " for sign in words)
    if glyphs.unicode:
        return words
    for sign, plain in (("×", "x"), ("…", "..."), ("·", "-"), ("−", "-")):
        words = words.replace(sign, plain)
    return words.encode("ascii", "replace").decode()


def formula(words: str, glyphs: Glyphs) -> str:
    """Arithmetic, in ASCII where the terminal knows no more: `floor((14 - 5 + 2*2) / 1) + 1 = 14`."""
    if glyphs.unicode:
        return words
    for sign, plain in (("⌊", "floor("), ("⌈", "ceil("), ("⌋", ")"), ("⌉", ")"), ("·", "*"), ("−", "-"), ("×", "x")):
        words = words.replace(sign, plain)
    return said(words, glyphs)


def three_figures(value: float, glyphs: Glyphs) -> str:
    """Three figures after the sign: `−0.0578`."""
    text = f"{value:.3g}" if abs(value) >= 1e-4 or value == 0 else f"{value:.1e}"
    return formula(text.replace("-", "−"), glyphs)
