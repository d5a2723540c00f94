"""What a picture is made of, in numbers."""

from rich.text import Text

from fashion_tui.report.glyphs import Glyphs
from fashion_tui.report.style import ACCENT, FOREGROUND, MUTED
from fashion_tui.schema.dataset import IMAGE_SIZE, Split
from fashion_tui.schema.recipe import GUIDE

BINS = 16
SPLIT_NAMES: dict[Split, str] = {"train": "training set", "test": "test set"}


def picture_facts(pixels: bytes, index: int, name: str, split: Split, glyphs: Glyphs) -> Text:
    """Class and place of a picture, its pixel values, and what the recipe's normalisation makes of them."""
    low, high, mean = min(pixels), max(pixels), sum(pixels) / len(pixels)
    bins = [0] * BINS
    for value in pixels:
        bins[value * BINS // 256] += 1
    black = pixels.count(0) / len(pixels)
    height, width = IMAGE_SIZE
    text = Text(no_wrap=True)
    text.append(f"{name}\n", style=f"bold {FOREGROUND}")
    text.append(f"picture {index:,} of the {SPLIT_NAMES[split]}\n\n", style=MUTED)
    text.append(f"uint8 1×{height}×{width}, 0 black, 255 white\n", style=MUTED)
    text.append_text(_row(("min", f"{low}"), ("mean", f"{mean:.1f}"), ("max", f"{high}")))
    text.append(f"{glyphs.sparkline([count**0.5 for count in bins])}", style=ACCENT)
    text.append(f"  {black * 100:.0f} % black\n\n", style=MUTED)
    text.append(f"as the network sees it\n(pixel / 255 − {GUIDE.mean}) / {GUIDE.std}\n", style=MUTED)
    normal = [f"{(value / 255 - GUIDE.mean) / GUIDE.std:+.2f}".replace("-", "−") for value in (low, mean, high)]
    text.append_text(_row(*zip(("min", "mean", "max"), normal, strict=True)))
    text.append("\n")
    text.append("←→", style=ACCENT)
    text.append(" next    ", style=MUTED)
    text.append("esc", style=ACCENT)
    text.append(" close", style=MUTED)
    return text


def _row(*figures: tuple[str, str]) -> Text:
    row = Text()
    for name, value in figures:
        row.append(f"{name} ", style=MUTED)
        row.append(f"{value:<8}", style=FOREGROUND)
    return row.append("\n")
