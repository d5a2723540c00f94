"""The texts of the view of the whole data set."""

import math
import textwrap
from collections.abc import Sequence
from pathlib import PurePath

from rich.text import Text

from fashion_tui.data.sources import SOURCES
from fashion_tui.report.class_names import short_class_names
from fashion_tui.report.formatting import format_bytes, format_shape, printable, shorten
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ACCENT, ATTENTION, FOREGROUND, MUTED
from fashion_tui.schema.builtin_recipes import RECIPES
from fashion_tui.schema.dataset import FOLDER, DatasetInfo
from fashion_tui.schema.recipe import adapt

from .open_dataset import OpenDataset

LABEL_WIDTH = 10
NAME_WIDTH = 31
"""Width of the names of recipes, in columns."""
COUNT_WIDTH = 7
MAX_NAME_WIDTH = 28
OWN_IMAGES = "Your own images: start fashion-tui --dataset FOLDER. FOLDER contains a folder of images for each class."
MAX_SKIPPED = 200
"""Maximum number of skipped files to list."""


def facts(dataset: OpenDataset, width: int) -> list[Text]:
    """Return the shape, location, size and checksum of a data set, and how to open a folder of images instead."""
    info, glyphs = dataset.info, terminal_glyphs()
    values = (info.train_size + info.test_size) * math.prod(info.image_shape)
    rows = [
        ("images", f"uint8 {format_shape(info.image_shape, glyphs)}, {format_bytes(values)} of pixels"),
        ("mirrored", mirroring(info)),
        ("location", _location(info)),
    ]
    if info.ref.fit is not None:
        rows.insert(1, ("resized", f"to {info.ref.image_size} pixels, {info.ref.fit}"))
    if info.skipped:
        rows.append(("skipped", f"{_files(len(info.skipped))}, listed below"))
    checksum, size = info.ref.sha256, max(width - LABEL_WIDTH, 1)
    parts = [checksum[start : start + size] for start in range(0, len(checksum), size)]
    own_images = textwrap.wrap(OWN_IMAGES, max(width, 1)) if info.ref.name != FOLDER else []
    return [
        *(_row(label, value, width) for label, value in rows),
        *(_row("" if number else "SHA-256", part, width) for number, part in enumerate(parts)),
        *(Text(line, MUTED, no_wrap=True) for line in own_images),
    ]


def mirroring(info: DatasetInfo) -> str:
    """Return which recipes mirror the images of a data set in training, or why none does."""
    if not info.flips:
        return "never in training: the class could change"
    recipes = [name for name, recipe in RECIPES.items() if adapt(recipe, info).flip != "none"]
    return f"in training by {', '.join(recipes)}; --no-flip turns this off"


def _files(count: int) -> str:
    return "1 file or folder" if count == 1 else f"{count:,} files or folders"


def _location(info: DatasetInfo) -> str:
    ref = info.ref
    if ref.directory is None:
        return "drawn by code"
    return str(PurePath(ref.directory) / SOURCES[ref.name].folder) if ref.name in SOURCES else ref.directory


def _row(label: str, value: str, width: int) -> Text:
    shown = shorten(value, max(width - LABEL_WIDTH, 1), terminal_glyphs())
    return Text.assemble((f"{label:<{LABEL_WIDTH}}", MUTED), (shown, FOREGROUND), no_wrap=True)


def statistics_table(dataset: OpenDataset, width: int) -> list[Text]:
    """Return the mean and standard deviation of each channel of the training images, and those that the recipes use.

    Recipes with the same values share a line.
    """
    info = dataset.info
    rows: dict[tuple[tuple[float, ...], tuple[float, ...]], list[str]] = {}
    for name, recipe in RECIPES.items():
        adapted = adapt(recipe, info)
        rows.setdefault((adapted.mean, adapted.std), []).append(name)
    channels = info.image_shape[0]
    cells = max(channels * 6, 9)
    heading = f"{'pixels in [0, 1]':<{NAME_WIDTH}} {'mean':<{cells}}{'std'}"
    lines = [Text(), Text(heading, MUTED, no_wrap=True)]
    named = [("training set", info.mean, info.std)]
    named += [(f"recipe {', '.join(names)}", mean, std) for (mean, std), names in rows.items()]
    for name, mean, std in named:
        values = f"{_numbers(mean, channels):<{cells}}{_numbers(std, channels)}"
        style = ACCENT if name == "training set" else FOREGROUND
        lines.append(Text.assemble((f"{name:<{NAME_WIDTH}} ", MUTED), (values, style), no_wrap=True))
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines


def _numbers(values: Sequence[float], channels: int) -> str:
    """Return the value of each channel. A single value applies to all channels."""
    return "".join(f"{value:<6.3f}" for value in (values if len(values) > 1 else [*values] * channels))


def balance_lines(dataset: OpenDataset, width: int) -> list[Text]:
    """Return the number of training and test images of each class, as bars: `Coat ━━━━ 6,000  ━━━━ 1,000`."""
    info, glyphs = dataset.info, terminal_glyphs()
    available = min(MAX_NAME_WIDTH, max(width // 3, 1))
    names = short_class_names(info.classes, available, glyphs)
    name_width = max((Text(name).cell_len for name in (*names, "class")), default=0)
    bar = max((width - name_width - 2 * (COUNT_WIDTH + 2) - 1) // 2, 0)
    heading = Text("class".ljust(name_width + 1), MUTED, no_wrap=True)
    for title in ("training set", "test set"):
        heading.append(f"{title:<{bar + COUNT_WIDTH + 2}}"[: bar + COUNT_WIDTH + 2])
    lines = [Text(), heading]
    for name, *counts in zip(names, info.train_counts, info.test_counts, strict=True):
        line = Text(name, FOREGROUND, no_wrap=True)
        line.pad_right(name_width + 1 - line.cell_len)
        for count, all_counts in zip(counts, (info.train_counts, info.test_counts), strict=True):
            share = count / (max(all_counts) or 1)
            line.append(f"{glyphs.slim_bar(share, bar):<{bar}}", ACCENT)
            line.append(f"{count:>{COUNT_WIDTH},}  ", FOREGROUND if count else f"bold {ATTENTION}")
        lines.append(line)
    return lines


def skipped_lines(dataset: OpenDataset, width: int) -> list[Text]:
    """Return the files that couldn't be read, each with the reason."""
    skipped, glyphs = dataset.info.skipped, terminal_glyphs()
    if not skipped:
        return []
    lines = [Text(), Text(f"skipped {_files(len(skipped))}", ATTENTION)]
    for file in skipped[:MAX_SKIPPED]:
        path = shorten(file.path, max(width // 2, 1), glyphs)
        lines.append(Text.assemble((path, FOREGROUND), (f"  {printable(file.reason, glyphs)}", MUTED), no_wrap=True))
    if len(skipped) > MAX_SKIPPED:
        lines.append(Text(f"and {len(skipped) - MAX_SKIPPED:,} more; fashion-tui audit --json lists all", MUTED))
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines
