"""Show what it costs to train a network: the memory, the estimated time of a step, and the largest batch that fits."""

from rich.text import Text

from fashion_tui.schema.shapes import ShapeTable
from fashion_tui.schema.training_costs import TrainingCosts

from .formatting import format_bytes, format_seconds
from .glyphs import Glyphs
from .style import ATTENTION, FOREGROUND, MUTED


def training_lines(costs: TrainingCosts, table: ShapeTable, batch: int, width: int, glyphs: Glyphs) -> list[Text]:
    """Return one line with the totals for a batch size, and one with the parts of the memory if it fits in `width`."""
    memory, throughput = costs.memory, costs.throughput
    seconds = format_seconds(costs.step_seconds(table, batch), glyphs)
    largest = costs.largest_batch
    line = Text.assemble(
        ("training, batch ", MUTED), (f"{batch:,}", FOREGROUND),
        (": ", MUTED), (format_bytes(memory.total(batch)), FOREGROUND),
        (f", {glyphs.approximately} ", MUTED), (seconds, FOREGROUND), (f" a step on {throughput.device}", MUTED),
    )  # fmt: skip
    if largest is not None:
        fits = "no batch fits" if largest < 1 else f"largest batch {largest:,}"
        line.append("; ", MUTED).append(fits, ATTENTION if batch > largest else FOREGROUND)
    parts = (
        ("parameters", memory.parameters),
        ("gradients", memory.gradients),
        ("Adam", memory.adam_state),
        ("activations", memory.activations(batch)),
    )
    breakdown = Text(no_wrap=True)
    for index, (name, size) in enumerate(parts):
        breakdown.append(" + " if index else "", MUTED).append(format_bytes(size), FOREGROUND).append(f" {name}", MUTED)
    line.truncate(width, overflow="ellipsis" if glyphs.unicode else "crop")
    return [line, breakdown] if breakdown.cell_len <= width else [line]
