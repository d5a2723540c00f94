"""Show predictions for image files: the image, the preprocessing steps, and bars of the most probable classes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from fashion_tui.schema.dataset import SYNTHETIC_NOTICE
from fashion_tui.schema.prediction import ClassProbability, Novelty, Predicted, PredictedImage, PreprocessingStep

from .formatting import format_number, format_percent, printable, shorten
from .glyphs import Glyphs, terminal_glyphs
from .pictures import draw_picture, fit_picture
from .pixels import best_shading
from .style import ACCENT, ATTENTION, FOREGROUND, MUTED

ROOM = (14, 28)
"""Maximum height in lines and width in columns of a printed picture."""

MAX_NAME_WIDTH = 32
BAR_WIDTH = 24


def predictions_report(predicted: Predicted) -> RenderableType:
    """Return a report on all images for which there is a prediction."""
    glyphs = terminal_glyphs()
    title = Text(predicted.run, "bold").append(
        f" · epoch {predicted.epoch} · step {predicted.step:,}", style=f"not bold {MUTED}"
    )
    notice = [Text(SYNTHETIC_NOTICE, ATTENTION)] if predicted.dataset == "synthetic" else []
    images = [image for image in predicted.images if isinstance(image, PredictedImage)]
    blocks = [image_report(image, glyphs) for image in images]
    obstacle = predicted.novelty_obstacle
    unknown = [] if obstacle is None else [Text(), Text(printable(obstacle_message(obstacle), glyphs), MUTED)]
    return Group(title, *notice, *blocks, *unknown)


def image_report(image: PredictedImage, glyphs: Glyphs) -> RenderableType:
    """Return the pictures of an image and of the network's input, the steps in between, and the top classes."""
    lines = [*top_lines(image.top, glyphs)]
    if image.novelty is not None:
        lines.append(novelty_line(image.novelty, glyphs))
    return Group(
        Text(),
        Text(printable(image.image, glyphs), "bold"),
        _Pictures((image.steps[0], image.steps[-1])),
        steps_table(image.steps, glyphs),
        Text(),
        *lines,
    )


def steps_table(steps: Iterable[PreprocessingStep], glyphs: Glyphs) -> Table:
    """Return a table of preprocessing steps: what each does, and dtype, shape, minimum, mean and maximum after it."""
    table = Table.grid(padding=(0, 2))
    for justify in ("left", "left", "right", "right", "right"):
        table.add_column(justify=justify, no_wrap=True)
    table.add_column()
    table.add_row(*(Text(name, MUTED) for name in ("step", "result", "min", "mean", "max", "")))
    for step in steps:
        style = FOREGROUND if step.applied else MUTED
        numbers = (format_number(value, glyphs, digits=3) for value in (step.minimum, step.mean, step.maximum))
        table.add_row(
            Text(step.name, style),
            Text(f"{step.dtype} {list(step.shape)}", style),
            *(Text(number, style) for number in numbers),
            Text(printable(step.caption, glyphs), MUTED),
        )
    return table


def top_lines(top: Sequence[ClassProbability], glyphs: Glyphs) -> list[Text]:
    """Return a line with a bar for each class."""
    names = [shorten(each.name, MAX_NAME_WIDTH, glyphs) for each in top]
    width = max(map(cell_len, names), default=0)
    lines = []
    for name, each in zip(names, top, strict=True):
        line = Text(set_cell_size(name, width), FOREGROUND, no_wrap=True)
        line.append(f"{format_percent(each.probability):>9}")
        lines.append(line.append(f"  {glyphs.slim_bar(each.probability, BAR_WIDTH)}", ACCENT))
    return lines


def novelty_line(novelty: Novelty, glyphs: Glyphs) -> Text:
    """Return a line that says whether an image is unlike the training images, and on what grounds."""
    distance, threshold = (format_number(value, glyphs, digits=3) for value in (novelty.distance, novelty.threshold))
    usual = f"99.5 % of {novelty.held_out_images:,} {novelty.held_out} images are within {threshold}"
    if novelty.unlike_training:
        return Text(f"unlike the training images: distance {distance} to the nearest one; {usual}", ATTENTION)
    return Text(f"distance {distance} to the nearest training image; {usual}", MUTED)


def obstacle_message(obstacle: str) -> str:
    """Return a message that says why it is unknown whether images are unlike the training images."""
    return f"can't tell whether an image is unlike the training images: {obstacle}"


@dataclass(frozen=True)
class _Pictures:
    """Pictures of steps side by side, in half blocks or, if the terminal has too few colours, in ASCII characters."""

    steps: Sequence[PreprocessingStep]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        shading = best_shading(console.color_system, no_color=console.no_color)
        columns = []
        for step in self.steps:
            lines, width = fit_picture(step.picture, ROOM, shading)
            name = [Segment(step.name, Style.parse(MUTED))]
            drawing = draw_picture(step.picture, (lines, width), shading)
            columns.append(Segment.set_shape([*drawing, name], max(width, len(step.name))))
        for line in range(max(map(len, columns))):
            for column in columns:
                yield from column[line] if line < len(column) else [Segment(" " * Segment.get_line_length(column[0]))]
                yield Segment("  ")
            yield Segment.line()
