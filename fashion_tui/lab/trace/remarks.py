"""What a trace notices about a network that works, but is hardly meant so."""

from collections.abc import Sequence

from torch import nn

from fashion_tui.schema.shapes import ShapeRow

from .functions import RESHAPING
from .rows import Both


def remarks(rows: Sequence[ShapeRow], both: Both) -> tuple[str, ...]:
    """A line each."""
    found = []
    strays = [step.path for step in both.few.steps if step.uses_strays and not step.is_module]
    if strays:
        names = ", ".join(dict.fromkeys(strays))
        found.append(
            f"{names}: weights that the network doesn't know as its own, so no optimiser will train them; "
            "hold layers as attributes or in nn.ModuleList"
        )
    outputs = zip(both.few.outputs[:1], both.many.outputs[:1], strict=False)
    culprit = _culprit(rows, both) if any(both.mixes_samples(*pair) for pair in outputs) else None
    if culprit:
        found.append(f"one sample goes in, {culprit}: the samples of a batch get mixed up")
    return tuple(found)


def unused_names(model: nn.Module, unused: set[nn.Parameter], path: str = "") -> tuple[str, ...]:
    """Where parameters were never used: a module's name if it's all of its own, else the parameter's."""
    parameters = [*model.parameters()]
    if path and parameters and unused.issuperset(parameters):
        return (path,)
    prefix = f"{path}." if path else ""
    names = [prefix + name for name, own in model.named_parameters(recurse=False) if own in unused]
    for name, child in model.named_children():
        names += unused_names(child, unused, prefix + name) if unused else ()
    return tuple(names)


def _culprit(rows: Sequence[ShapeRow], both: Both) -> str | None:
    """The last reshaping in which the batch axis got lost."""
    result = None
    for row, step, partner in zip(rows, both.few.steps, both.partners(), strict=True):
        if partner is None or step.op not in RESHAPING or not (step.inputs and partner.inputs):
            continue
        lost = both.mixes_samples(step.outputs[0], partner.outputs[0])
        if lost and not both.mixes_samples(step.inputs[0], partner.inputs[0]):
            made = f"{row.name} makes {list(row.outputs[0])} of {list(row.inputs[0])}"
            result = f"{row.outputs[0][0]} come out, since {made}"
    return result
