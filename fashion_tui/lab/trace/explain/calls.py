"""Explain a failed call from its arguments alone."""

from collections.abc import Sequence

import torch
from torch import nn

from fashion_tui.lab.trace.batch_axis import call_keys
from fashion_tui.lab.trace.calls import Call, Recording
from fashion_tui.lab.trace.operands import Arguments, Operand
from fashion_tui.schema.shapes import Shape, ShapeRow

from .failure import Explanation, Failure
from .functions import explain_function
from .layers import explain_layer


def explain_arguments(failure: Failure) -> Explanation | None:
    """Explain a failed call of a layer or function from the shapes of its arguments."""
    return explain_layer(failure) or explain_function(failure)


def explain_call(name: str, op: str, inputs: Sequence[Shape], target: nn.Module | None) -> str | None:
    """Return an explanation of a failed call that wasn't recorded, or None if nothing seems wrong with its inputs.

    `name` is the name of the module or function. `target` is the module, or None for a function. For a module,
    `inputs` are the shapes of one sample. For a function, they include the batch axis.
    """
    operands = tuple(Operand(tuple(shape), torch.float32, None, None, True, False, None) for shape in inputs)
    call = Call(name, name, 0, op, target is not None, "", list(inputs), [None] * len(inputs), target=target)
    call.failed_arguments = Arguments(operands, {})
    row = ShapeRow(
        name=name,
        path=name,
        depth=0,
        op=op,
        is_module=target is not None,
        has_children=False,
        inputs=tuple(inputs),
        sources=(None,) * len(inputs),
        outputs=(),
        settings="",
        params=0,
        own_params=0,
        trainable=False,
        reused=False,
        macs=0,
        activation_bytes=0,
        dtype="",
        failed=True,
    )
    explanation = explain_arguments(Failure(call, row, [row]))
    return None if explanation is None else explanation.text


def counterparts(recording: Recording, other: Recording | None) -> list[Call | None]:
    """Return, for each call of a recording, the same call in the other recording, or None if it is missing there."""
    if other is None:
        return [None] * len(recording.calls)
    theirs = dict(zip(call_keys(other.calls), other.calls, strict=True))
    return [theirs.get(key) for key in call_keys(recording.calls)]
