"""What a run learned, in figures: the accuracy first, then all else."""

from rich.text import Text

from fashion_tui.report.evaluation import accuracy_margin
from fashion_tui.report.glyphs import Glyphs
from fashion_tui.report.style import ACCENT, ATTENTION, FOREGROUND, MUTED
from fashion_tui.schema.evaluation import Evaluation
from fashion_tui.schema.run import short_name
from fashion_tui.tui.widgets.large_number import large_number

PROGRESS_WIDTH = 30


def headline(evaluation: Evaluation, glyphs: Glyphs) -> list[Text]:
    """Three lines: the accuracy three lines high, with its interval and the other figures beside it."""
    number = large_number(f"{evaluation.accuracy * 100:.1f}", glyphs)
    interval = accuracy_margin(evaluation.accuracy, evaluation.n) * 100
    if evaluation.dataset == "synthetic":
        what = Text(f"accuracy on {evaluation.n:,} synthetic garments", ATTENTION)
    else:
        what = Text(f"accuracy on {evaluation.n:,} test images", MUTED)
    spread = Text.assemble(
        (f"{'±' if glyphs.unicode else '+/-'}{interval:.1f}", FOREGROUND), (" (95 % interval)   top-2 ", MUTED)
    )
    spread.append(f"{evaluation.top2 * 100:.1f} %", style=FOREGROUND)
    others = Text.assemble(("loss ", MUTED), (f"{evaluation.loss:.3f}", FOREGROUND))
    others.append("   ECE ", style=MUTED).append(f"{evaluation.ece * 100:.1f} %", style=FOREGROUND)
    return [
        Text.assemble((line, f"bold {ACCENT}"), (unit, f"bold {ACCENT}"), "   ", beside, no_wrap=True)
        for line, unit, beside in zip(number, ("  ", " %", "  "), (what, spread, others), strict=True)
    ]


def where_line(evaluation: Evaluation, total_steps: int | None) -> Text:
    """`guide-a1b2 · epoch 3 · step 5,625`; where the run isn't at its end, of how many steps."""
    line = Text(short_name(evaluation.run), style=f"bold {FOREGROUND}", no_wrap=True)
    line.append(f" · epoch {evaluation.epoch} · step {evaluation.step:,}", style=MUTED)
    if evaluation.dataset == "synthetic":
        line.append(" · synthetic", style=ATTENTION)
    if total_steps is not None and evaluation.step < total_steps:
        line.append(f" of {total_steps:,}, not at its end yet", style=ATTENTION)
    return line


def progress_line(name: str, done: int, total: int, glyphs: Glyphs) -> Text:
    """`evaluating guide-a1b2   3,200 / 10,000  ████▌      32 %   esc cancels`."""
    share = done / total if total else 0.0
    line = Text.assemble(("evaluating ", MUTED), (name, FOREGROUND), "   ", no_wrap=True)
    if total:
        line.append(f"{done:,} / {total:,} test images  ", style=MUTED)
        line.append(f"{glyphs.bar(share, PROGRESS_WIDTH):<{PROGRESS_WIDTH}}", style=ACCENT)
        line.append(f" {share:4.0%}", style=FOREGROUND)
    return line.append("   esc", style=ACCENT).append(" cancels", style=MUTED)
