"""Describe the problems of a run, and what to try."""

import math

from fashion_tui.runs.layers import LayerProblem
from fashion_tui.runs.verdicts import Diverging, FarLearningRate, FewThreads, Overfitting, Plateau, SlowBatches, Verdict

from .formatting import format_loss, format_percent
from .glyphs import Glyphs
from .layers import problem_text


def verdict_text(verdict: Verdict, glyphs: Glyphs) -> str:  # noqa: PLR0911 - one for each verdict
    """Return a sentence such as `the loss diverges: 0.31 at step 900, now 2.4; try a lower learning rate`."""
    match verdict:
        case LayerProblem():
            return problem_text(verdict, glyphs)
        case Diverging(step=step, lowest=lowest, last=last):
            now = "now NaN or infinite" if math.isnan(last) else f"now {format_loss(last)}"
            return f"the loss diverges: {format_loss(lowest)} at step {step:,}, {now}; try a lower learning rate"
        case Plateau(step=step, loss=loss):
            return (
                f"the loss hasn't fallen since step {step:,} ({format_loss(loss)}); try another learning rate or a "
                "larger network"
            )
        case Overfitting(step=step, epoch=epoch, lowest=lowest, last=last):
            since = f"step {step:,}" if epoch is None else f"epoch {epoch}"
            return (
                f"overfitting since {since}: the loss on held-out data has risen from {format_loss(lowest)} to "
                f"{format_loss(last)}; try fewer epochs, augmentation or weight decay"
            )
        case FarLearningRate(learning_rate=learning_rate, suggestion=suggestion):
            side = "above" if learning_rate > suggestion else "below"
            return (
                f"the learning rate {learning_rate:g} is far {side} the {suggestion:g} that the range test suggested; "
                f"try {suggestion:g}"
            )
        case SlowBatches(share=share):
            return (
                f"preparing the images takes {format_percent(share, digits=0)} of the time; try less augmentation or "
                "a GPU"
            )
        case FewThreads(threads=threads, cpus=cpus, utilization=utilization):
            used = "1 thread" if threads == 1 else f"{threads} threads"
            return (
                f"the run uses {used}, but {cpus} CPUs are available, and they are "
                f"{format_percent(utilization, digits=0)} busy; try more threads"
            )
