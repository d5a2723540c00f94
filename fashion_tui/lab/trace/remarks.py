"""Remarks about networks that run but look wrong."""

from collections.abc import Sequence
from itertools import accumulate

from torch import nn

from fashion_tui.schema.shapes import Remark, ShapeRow

from .functions import RESHAPING
from .rows import RecordingPair
from .structure import named_modules, named_parameters, parameters_of


def find_remarks(rows: Sequence[ShapeRow], pair: RecordingPair) -> tuple[Remark, ...]:
    """Return the remarks, in the order of the rows that they belong to."""
    remarks = []
    unregistered = {
        call.path: index for index, call in reversed([*enumerate(pair.first.calls)]) if call.uses_unregistered
    }
    if unregistered:
        first, *others = sorted(unregistered, key=unregistered.__getitem__)
        text = (
            "uses parameters that are not registered with the network, so no optimizer trains them; "
            "assign layers as attributes or put them into nn.ModuleList"
        )
        also = f" (the same in {', '.join(others)})" if others else ""
        remarks.append(Remark(unregistered[first], text + also))
    outputs = zip(pair.first.outputs[:1], pair.second.outputs[:1], strict=False)
    if any(pair.mixes_samples(*shapes) for shapes in outputs):
        remarks += _mixing_call(rows, pair)
    return tuple(remarks)


def unused_names(model: nn.Module, unused: set[nn.Parameter]) -> tuple[str, ...]:
    """Return the names of unused parameters. If all parameters of a module are unused, only the module is named."""
    names: dict[str, None] = {}
    unused_modules = {
        path
        for path, module in named_modules(model)
        if path and (parameters := parameters_of(module)) and unused.issuperset(parameters)
    }
    for name, parameter in named_parameters(model):
        if parameter in unused:
            parents = accumulate(name.split("."), "{}.{}".format)
            names[next((path for path in parents if path in unused_modules), name)] = None
    return tuple(names)


def _mixing_call(rows: Sequence[ShapeRow], pair: RecordingPair) -> list[Remark]:
    """Return a remark about the last reshape that loses the batch axis, or an empty list if no reshape does."""
    remarks: list[Remark] = []
    for index, (row, call, other) in enumerate(zip(rows, pair.first.calls, pair.counterparts(), strict=True)):
        if other is None or call.op not in RESHAPING or not (call.inputs and other.inputs):
            continue
        is_lost = pair.mixes_samples(call.outputs[0], other.outputs[0])
        if is_lost and not pair.mixes_samples(call.inputs[0], other.inputs[0]):
            count, *shape = row.outputs[0]
            description = f"turns one sample of shape {list(row.inputs[0])} into {count} of shape {shape}"
            remarks = [Remark(index, f"{description}: the samples of a batch are mixed")]
    return remarks
