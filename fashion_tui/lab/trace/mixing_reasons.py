"""Explain why the samples of a batch affect each other in a call, or why a call joins them."""

import math
from collections.abc import Sequence

from torch import nn

from fashion_tui.schema.shapes import NETWORK_INPUT, Remark, Shape, ShapeRow

from .batch_axis import CallInPasses, Passes
from .functions import RESHAPING, SYMBOLS

_REARRANGING = RESHAPING | {"torch.reshape", "torch.flatten", "torch.squeeze"}
_STATISTICS = frozenset({"mean", "std", "var", "sum", "max", "min", "amax", "amin", "norm", "median", "logsumexp"})
_OVER_AN_AXIS = frozenset({"normalize", "sort", "argsort", "topk", "flip", "roll", "layer_norm"})
_CHOOSING = frozenset({"getitem", "index_select", "gather", "take_along_dim"})
_PRODUCTS = frozenset({"@", "torch.matmul", "torch.mm", "torch.bmm", "matmul", "mm", "bmm", "torch.einsum"})
_ELEMENTWISE = frozenset(SYMBOLS) - {"matmul", "rmatmul", "getitem", "setitem"} | {
    *("maximum", "minimum", "fmax", "fmin", "where", "atan2", "hypot", "logaddexp", "subtract", "multiply", "divide"),
    *("true_divide", "lerp", "masked_fill"),
}
"""Names of functions that broadcast their operands."""
_ELEMENTWISE_LOSSES = frozenset(
    {"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss"}
)


def mixing_remark(index: int, rows: Sequence[ShapeRow], passes: Passes) -> Remark:
    """Return a remark that the call at `index` mixes samples, with the likely reason."""
    return Remark(index, f"mixes samples: {_reason(index, rows, passes)}")


def is_batch_first(passes: Passes) -> bool:
    """Return whether the first axis of each of the network's outputs is the batch."""
    pairs = [*zip(passes.first.outputs, passes.second.outputs, strict=False)]
    return all(_batch_position(passes, [first], [second]) == 0 for first, second in pairs)


def joining_remark(rows: Sequence[ShapeRow], passes: Passes) -> Remark | None:
    """Return a remark about the call that makes the network's output lose its batch axis, or None if it has one.

    An output `[12·N, 20]` of N samples is fine if each sample is a block of 12 rows, as if tokens are flattened for
    the loss.
    """
    for index, call in enumerate(passes.calls()):
        if (size := _fixed_batch(call, passes)) is not None:
            reason = f"the first axis has size {size} for any number of samples; write x.size(0) instead"
            return Remark(index, f"joins the samples of a batch: {reason}")
        if (shapes := _single_sample(call, passes)) is not None and not _has_batch_output(passes):
            return Remark(index, f"takes one sample of the batch: {shapes}; write [:, …] to index the next axis")
    outputs = zip(passes.first.outputs[:1], passes.second.outputs[:1], strict=False)
    if not any(_is_joined(passes, *shapes) for shapes in outputs):
        return None
    remark = None
    for index, call in enumerate(passes.calls()):
        first, second = call.first, call.second
        if first is None or second is None or not (first.inputs and second.inputs and first.outputs and second.outputs):
            continue
        before, after = (first.inputs[0], second.inputs[0]), (first.outputs[0], second.outputs[0])
        if _is_joined(passes, *after) and not _is_joined(passes, *before) and not _keeps_rows(before[0], after[0]):
            text = _describe_joining(call, rows[index])
            remark = None if text is None else Remark(index, text)
    return remark


def _is_joined(passes: Passes, first: Shape, second: Shape) -> bool:
    return passes.grows(first, second) and not passes.has_batch_axis(first, second)


def _keeps_rows(before: Shape, after: Shape) -> bool:
    """Return whether the call only merges the batch axis with the axes that follow it, as `[N, 4, 8]` to `[4·N, 8]`."""
    return len(after) > 1 and len(before) > len(after) and before[len(before) - len(after) + 1 :] == after[1:]


def _has_batch_output(passes: Passes) -> bool:
    pairs = zip(passes.first.outputs, passes.second.outputs, strict=False)
    return any(_batch_position(passes, [first], [second]) is not None for first, second in pairs)


def _single_sample(call: CallInPasses, passes: Passes) -> str | None:
    """Describe an index that removes the batch axis, as in `x[-1]`; return None for any other call."""
    first, second = call.first, call.second
    if call.main.name != "getitem" or first is None or second is None or not (first.outputs and second.outputs):
        return None
    if _batch_position(passes, first.inputs[:1], second.inputs[:1]) != 0 or first.outputs != second.outputs:
        return None
    rest = ", ".join(map(str, first.inputs[0][1:]))
    return f"[N, {rest}] becomes {list(first.outputs[0])}" if first.outputs[0] == first.inputs[0][1:] else None


def _fixed_batch(call: CallInPasses, passes: Passes) -> int | None:
    """Return the size that a view gives the batch axis, as in `x.view(32, -1)`, or None if it keeps the axis."""
    first, second = call.first, call.second
    if call.main.op not in _REARRANGING or first is None or second is None or not (first.outputs and second.outputs):
        return None
    before = _batch_position(passes, first.inputs[:1], second.inputs[:1])
    rows, other_rows = first.outputs[0][:1], second.outputs[0][:1]
    is_fixed = before == 0 and rows == other_rows and first.outputs[0] != second.outputs[0]
    is_fixed = is_fixed and not passes.has_batch_axis(first.outputs[0], second.outputs[0])
    return rows[0] if is_fixed and rows and rows[0] > 1 else None


def _describe_joining(call: CallInPasses, row: ShapeRow) -> str | None:
    sample = list(row.inputs[0])
    if row.op in _REARRANGING:
        if len(row.outputs[0]) == 1:
            advice = "flatten(1)" if "flatten" in row.name.lower() else "flatten(1) or reshape(N, …)"
            return f"joins the samples of a batch: all values become one axis; write {advice} to keep the batch axis"
        count, *shape = row.outputs[0]
        if math.prod(shape) > math.prod(sample):
            values = f"{math.prod(shape):,} values, and one sample has {math.prod(sample):,}"
            return f"joins the samples of a batch: each row gets {values}"
        return f"turns one sample of shape {sample} into {count} of shape {shape}: the samples of a batch are joined"
    if row.name in {"cat", "concat", "concatenate", "vstack"} and len(call.main.inputs) > 1:
        return "joins the samples of a batch: it concatenates along the batch axis; write dim=1 to join features"
    return None


def _reason(index: int, rows: Sequence[ShapeRow], passes: Passes) -> str:
    rules = (_rearranged, _sequence_layer, _operation, _broadcast, _choice)
    reasons = (rule(index, rows, passes) for rule in rules)
    return next((reason for reason in reasons if reason), "a value of one sample depends on another sample")


def _sequence_layer(index: int, rows: Sequence[ShapeRow], passes: Passes) -> str | None:
    target = passes.main.calls[index].target
    if isinstance(target, nn.RNNBase) and not target.batch_first:
        return f"{rows[index].op} treats the first axis as time; set batch_first=True"
    if isinstance(target, nn.MultiheadAttention) and not target.batch_first:
        return "attention goes over the first axis, which is the batch; set batch_first=True"
    return None


def _rearranged(index: int, rows: Sequence[ShapeRow], passes: Passes) -> str | None:
    name = rearranging_producer(index, rows, passes)
    return name and f"the {name} before it regroups the values; permute or transpose moves the batch axis instead"


def _operation(index: int, rows: Sequence[ShapeRow], passes: Passes) -> str | None:
    row, target = rows[index], passes.main.calls[index].target
    if isinstance(target, nn.modules.batchnorm._NormBase):  # noqa: SLF001 - the base class of all of them
        return "it uses the statistics of the batch in evaluation mode too"
    if row.name in _STATISTICS:
        return f"{row.name} goes over the batch axis; choose another dim, or use nn.BatchNorm for batch statistics"
    if row.name.startswith(("cum", "logcum")) or row.name in _OVER_AN_AXIS or "softmax" in row.op.lower():
        return f"{row.name} goes over the batch axis; choose another dim"
    axes = row.op[-2:-1] if row.is_module and row.op.endswith("d") else ""
    if axes.isdigit() and row.inputs and len(row.inputs[0]) <= int(axes):
        return f"it takes the batch axis for the channels, because its input {list(row.inputs[0])} has no channel axis"
    if row.op in _PRODUCTS:
        return "the product multiplies samples with each other"
    return "attention goes over the batch axis" if "attention" in row.op.lower() else None


def _choice(index: int, rows: Sequence[ShapeRow], passes: Passes) -> str | None:
    del passes
    return "the index chooses among the samples of the batch" if rows[index].name in _CHOOSING else None


def find_broadcast_loss(rows: Sequence[ShapeRow], passes: Passes) -> int | None:
    """Return the index of the first loss whose operands are broadcast along different batch axes, or None."""
    losses = (index for index, row in enumerate(rows) if {row.name, row.op} & _ELEMENTWISE_LOSSES)
    return next((index for index in losses if _broadcast(index, rows, passes)), None)


def _broadcast(index: int, rows: Sequence[ShapeRow], passes: Passes) -> str | None:
    if not {rows[index].name, rows[index].op} & (_ELEMENTWISE | _ELEMENTWISE_LOSSES):
        return None
    shapes = _broadcast_shapes(passes.calls()[index], passes)
    return f"{' and '.join(shapes)} are broadcast, so that each sample meets every other sample" if shapes else None


def rearranging_producer(index: int, rows: Sequence[ShapeRow], passes: Passes) -> str | None:
    """Return the name of a call before this one that moved the batch axis by a view or reshape, or None."""
    calls = passes.calls()
    seen: set[int] = set()
    pending = [index]
    while pending:
        current = pending.pop()
        if current in seen:
            continue
        seen.add(current)
        call = calls[current]
        if rows[current].op in _REARRANGING and call.first and call.second:
            before = _batch_position(passes, call.first.inputs[:1], call.second.inputs[:1])
            after = _batch_position(passes, call.first.outputs[:1], call.second.outputs[:1])
            if before == 0 and after not in {0, None}:
                return rows[current].name
        pending += [source for source in rows[current].sources if source is not None and source != NETWORK_INPUT]
    return None


def _batch_position(passes: Passes, firsts: Sequence[Shape], seconds: Sequence[Shape]) -> int | None:
    """Return the index of the batch axis, or None if there is none."""
    batches = (passes.first.batch, passes.second.batch)
    for first, second in zip(firsts, seconds, strict=False):
        sizes = [*zip(first, second, strict=False)]
        return sizes.index(batches) if batches in sizes else None
    return None


def _broadcast_shapes(call: CallInPasses, passes: Passes) -> list[str]:
    """Return the shapes of the operands, such as `[N]` and `[N, 1]`, if the batch axis is at different positions."""
    if call.first is None or call.second is None or len(call.first.inputs) != 2:
        return []
    pairs = [*zip(call.first.inputs, call.second.inputs, strict=False)]
    positions = [
        len(first) - position if (position := _batch_position(passes, [first], [second])) is not None else None
        for first, second in pairs
    ]
    if None in positions or len(set(positions)) < 2:
        return []
    batches = (passes.first.batch, passes.second.batch)
    return [
        f"[{', '.join('N' if sizes == batches else str(sizes[0]) for sizes in zip(first, second, strict=False))}]"
        for first, second in pairs
    ]
