"""Warnings about networks that run but look wrong."""

from collections.abc import Sequence

from torch import nn

from fashion_tui.schema.shapes import ShapeRow

from .functions import RESHAPING
from .rows import RecordingPair


def find_remarks(rows: Sequence[ShapeRow], pair: RecordingPair) -> tuple[str, ...]:
    """Return the warnings, one line each."""
    remarks = []
    unregistered = [call.path for call in pair.first.calls if call.uses_unregistered and not call.is_module]
    if unregistered:
        names = ", ".join(dict.fromkeys(unregistered))
        remarks.append(
            f"{names}: uses parameters that are not registered with the network, so no optimizer trains them; "
            "assign layers as attributes or put them into nn.ModuleList"
        )
    outputs = zip(pair.first.outputs[:1], pair.second.outputs[:1], strict=False)
    if any(pair.mixes_samples(*shapes) for shapes in outputs) and (cause := _mixing_call(rows, pair)):
        remarks.append(f"{cause}: the samples of a batch are mixed")
    return tuple(remarks)


def unused_names(model: nn.Module, unused: set[nn.Parameter], path: str = "") -> tuple[str, ...]:
    """Return the names of unused parameters. If all parameters of a module are unused, only the module is named."""
    parameters = [*model.parameters()]
    if path and parameters and unused.issuperset(parameters):
        return (path,)
    prefix = f"{path}." if path else ""
    names = [prefix + name for name, own in model.named_parameters(recurse=False) if own in unused]
    for name, child in model.named_children():
        names += unused_names(child, unused, prefix + name) if unused else ()
    return tuple(names)


def _mixing_call(rows: Sequence[ShapeRow], pair: RecordingPair) -> str | None:
    """Return a description of the last reshape that loses the batch axis, or None if no reshape does."""
    description = None
    for row, call, other in zip(rows, pair.first.calls, pair.counterparts(), strict=True):
        if other is None or call.op not in RESHAPING or not (call.inputs and other.inputs):
            continue
        is_lost = pair.mixes_samples(call.outputs[0], other.outputs[0])
        if is_lost and not pair.mixes_samples(call.inputs[0], other.inputs[0]):
            count, *shape = row.outputs[0]
            description = f"{row.name} turns one sample of shape {list(row.inputs[0])} into {count} of shape {shape}"
    return description
