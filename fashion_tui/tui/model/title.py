"""The line that says which network is shown, and with which weights."""

from rich.text import Text

from fashion_tui.report.formatting import format_bytes, format_count, format_shape, printable
from fashion_tui.report.glyphs import Glyphs
from fashion_tui.report.style import ACCENT, ATTENTION, FOREGROUND, MUTED
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.run import short_name
from fashion_tui.schema.shapes import ShapeTable
from fashion_tui.tui.widgets.fitted import with_right

from .subject import INPUT_SIZE, Subject


def title_left(subject: Subject, glyphs: Glyphs, *, edited: bool, stale: bool) -> Text:
    """`guide  edited  weights of guide-a1b2`."""
    line = Text.assemble((printable(subject.name, glyphs), f"bold {ACCENT}"), no_wrap=True)
    network = subject.network
    if isinstance(network, CustomModel) and network.class_name and network.class_name != subject.name:
        line.append(f"  {printable(network.class_name, glyphs)}", FOREGROUND)
    for name, value in network.arguments.items():
        line.append(f"  {printable(f'{name}={value!r}', glyphs)}", MUTED)
    if edited:
        line.append("  edited", ATTENTION)
    if stale:
        line.append("  the table is from before", MUTED)
    if subject.input_size != INPUT_SIZE:
        line.append(f"  on {format_shape(subject.input_size, glyphs)}", MUTED)
    if subject.run is not None:
        line.append(f"  weights of {printable(short_name(subject.run.name), glyphs)}", FOREGROUND)
    return line


def title_line(left: Text, table: ShapeTable | None, width: int) -> Text:
    """The left part, and as many of the network's totals as there is room for."""
    totals: list[tuple[str, str]] = []
    if table is not None:
        totals = [
            (f"{table.total_params:,}", " parameters"),
            (format_count(table.total_macs), " MACs"),
            (format_bytes(table.activation_bytes), " of activations"),
        ]
    right = Text(no_wrap=True)
    for figure, label in totals:
        if left.cell_len + right.cell_len + len(figure) + len(label) + 4 <= width:
            right.append("  " if right else "").append(figure, FOREGROUND).append(label, MUTED)
    return with_right(left, right, width)
