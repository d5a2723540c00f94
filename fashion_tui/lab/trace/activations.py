"""Compute the output of one layer or function of a network."""

from typing import Any

import torch
from torch import Tensor, nn

from fashion_tui.lab.rng import preserve_rng_state
from fashion_tui.schema.errors import UserError

from .batch_axis import call_keys
from .calls import Call
from .model_copy import CPU, copy_model
from .recorder import Recorder


def output_of_call(model: nn.Module, inputs: Tensor, *, path: str, op: str, occurrence: int = 0) -> tuple[Tensor, Any]:
    """Run a copy of `model` on the CPU, with `inputs` of shape `[N, …]`.

    Return the output of one call and the output of the whole network.

    `path`, `op` and `occurrence` identify the call, as in the rows of the shape trace. Occurrences are counted from 0.
    If the call returns several tensors, only the first is returned. The copy runs in the same mode (training or
    evaluation) as `model`. Raises UserError if the network makes no such call.
    """
    inputs, model_copy = inputs.to(CPU), copy_model(model, CPU)
    output: Tensor | None = None

    def keep_output(call: Call, outputs: list[Tensor]) -> None:
        nonlocal output
        if not outputs or (call.path, call.op) != (path, op):
            return
        keys = dict(zip(recorder.calls, call_keys(recorder.calls), strict=True))
        if keys[call][2] == occurrence:
            output = outputs[0].clone()  # later calls may change the output in place

    recorder = Recorder(model_copy, (inputs,), on_output=keep_output)
    with preserve_rng_state(), torch.no_grad(), recorder:
        result = model_copy(inputs)
    if output is None:
        raise UserError(f"the network doesn't call {path or op} for this image; choose another row")
    return output, result
