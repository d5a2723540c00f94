"""The texts of the transforms of an image: a table of steps, and what each step does."""

from collections.abc import Sequence

from rich.text import Text

from fashion_tui.report.formatting import format_number, format_shape
from fashion_tui.report.glyphs import Glyphs
from fashion_tui.report.style import ACCENT, FOREGROUND, MUTED
from fashion_tui.schema.recipe import Recipe
from fashion_tui.schema.transforms import Transforms, TransformStep

NUMBER_WIDTH = 10
"""Width of a number such as `−1.23e−05` and a space before it, in columns."""
MAX_NUMBERS = 5
DIGITS = 3


def steps_table(steps: Sequence[TransformStep], width: int, glyphs: Glyphs) -> list[Text]:
    """Return a heading and a line with the numbers of each step: dtype, shape, minimum, mean, std and maximum."""
    heading = f"{'step':<13}{'dtype':<8} {'shape':<14}"
    heading += "".join(f"{name:>{NUMBER_WIDTH}}" for name in ("min", "mean", "std", "max"))
    lines = [Text(heading, MUTED, no_wrap=True)]
    for step in steps:
        line = Text(f"{step.name:<13}", f"bold {ACCENT}", no_wrap=True)
        line.append(f"{step.dtype:<8} {format_shape(step.shape, glyphs):<14}", f"not bold {FOREGROUND}")
        for value in (step.minimum, step.mean, step.std, step.maximum):
            line.append(f"{format_number(value, glyphs, digits=DIGITS):>{NUMBER_WIDTH}}", f"not bold {FOREGROUND}")
        line.truncate(width)
        lines.append(line)
    return lines


def values_table(transforms: Transforms, glyphs: Glyphs) -> list[Text]:
    """Return a heading, and a line with the listed values of each step."""
    row, first = transforms.value_row, transforms.value_column
    last = first + len(transforms.steps[0].values) - 1
    lines = [Text(f"values in row {row}, columns {first} to {last}, channel 0", MUTED, no_wrap=True)]
    for step in transforms.steps:
        line = Text(f"{step.name:<13}", f"bold {ACCENT}", no_wrap=True)
        for value in step.values[:MAX_NUMBERS]:
            line.append(f"{format_number(value, glyphs, digits=DIGITS):>{NUMBER_WIDTH}}", f"not bold {FOREGROUND}")
        lines.append(line)
    return lines


def explanations(recipe: Recipe) -> list[Text]:
    """Return a line about ToTensor and a line about the recipe's Normalize."""
    means, stds = (", ".join(f"{value:g}" for value in values) for values in (recipe.mean, recipe.std))
    if len(recipe.mean) > 1:
        means = f"({means})"
    if len(recipe.std) > 1:
        stds = f"({stds})"
    texts = (
        ("ToTensor", "value / 255, and the channels become the first axis"),
        ("Normalize", f"(value − {means}) / {stds}"),
    )
    return [Text.assemble((f"{name:<13}", f"bold {ACCENT}"), (text, MUTED), no_wrap=True) for name, text in texts]


def augmentation_text(recipe: Recipe) -> str:
    """Return what a recipe changes at random, for training images only."""
    parts = []
    if recipe.flip != "none":
        parts.append("mirrored in every other epoch")
    if recipe.crop:
        parts.append(f"shifted by up to {recipe.crop} pixels")
    if recipe.erase:
        parts.append(f"half with an erased rectangle of up to {recipe.erase} pixels")
    return ", ".join(parts) if parts else f"none in the recipe {recipe.name}"


def batch_lines(transforms: Transforms, nrow: int, width: int, glyphs: Glyphs) -> list[Text]:
    """Return the numbers of the batch and of its grid, and the call that makes the grid."""
    call = f"make_grid(batch[:{transforms.grid_images}], nrow={nrow})"
    shape = format_shape(transforms.grid.shape, glyphs)
    return [
        *steps_table((transforms.batch, transforms.grid), width, glyphs),
        Text.assemble((call, FOREGROUND), (f"  {shape}, 2 pixels between images", MUTED), no_wrap=True),
    ]
