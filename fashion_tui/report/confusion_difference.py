"""The difference of two confusion matrices, as lines of text."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from .class_names import column_titles, row_name
from .glyphs import Glyphs
from .style import BAD, FOREGROUND, GOOD, MUTED

CELL_WIDTH = 6
MAX_NAME_WIDTH = 16


def difference_lines(
    names: Sequence[str], difference: Sequence[Sequence[int]], width: int, first: tuple[int, int], glyphs: Glyphs
) -> list[Text]:
    """Return a header and a line for each true class, with a column for each predicted class.

    Args:
        names: Names of the classes.
        difference: The second run's confusion matrix minus the first one's.
        width: Maximum width of the lines.
        first: Row and column of the first cell to show. The header and the names of the rows always stay.
        glyphs: The characters to draw with.

    More correct predictions and fewer confusions are green, the opposite is red.

    """
    titles = column_titles(names, CELL_WIDTH - 1, glyphs)
    short = [row_name(names, label, MAX_NAME_WIDTH, CELL_WIDTH - 1, glyphs) for label in range(len(names))]
    name_width = max((cell_len(name) for name in short), default=0)
    row, column = first
    columns = range(column, min(column + max((width - name_width) // CELL_WIDTH, 1), len(names)))
    header = Text(" " * name_width, MUTED, no_wrap=True)
    for index in columns:
        header.append(" " * (CELL_WIDTH - cell_len(titles[index])) + titles[index])
    lines = [header]
    for truth in range(row, len(names)):
        line = Text(short[truth] + " " * (name_width - cell_len(short[truth])), FOREGROUND, no_wrap=True)
        for index in columns:
            line.append(*_cell(difference[truth][index], glyphs, is_correct=truth == index))
        lines.append(line)
    return lines


def _cell(change: int, glyphs: Glyphs, *, is_correct: bool) -> tuple[str, str]:
    if change == 0:
        return ("·" if glyphs.unicode else ".").rjust(CELL_WIDTH), MUTED
    minus = "−" if glyphs.unicode else "-"
    text = (f"+{change}" if change > 0 else f"{minus}{-change}").rjust(CELL_WIDTH)
    style = GOOD if (change > 0) == is_correct else BAD
    return text, f"bold {style}" if is_correct else style
