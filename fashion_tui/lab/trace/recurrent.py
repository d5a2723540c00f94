"""Run recurrent layers and cells at once, instead of one operation at a time.

torch computes an LSTM's thousand time steps by several thousand operations. Watching them one by one takes much longer
than computing them. On the meta device, where nothing is computed, each of them takes as long as on the CPU.
"""

import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch.nn.functional as F
from torch import Tensor
from torch._C import _len_torch_dispatch_stack, _pop_torch_dispatch_stack, _push_on_torch_dispatch_stack

_LAYERS = frozenset({"lstm", "gru", "rnn_tanh", "rnn_relu"})
_CELLS = frozenset({"lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"})


def is_recurrent(func: Any) -> bool:
    """Return whether `func` runs a recurrent layer, as `torch.lstm` does, or a cell, as `torch.lstm_cell` does."""
    return getattr(func, "__name__", "") in _LAYERS | _CELLS and isinstance(func, types.BuiltinFunctionType)


def run_recurrent(func: Any, *args: Any) -> Any:
    """Run all time steps of a recurrent layer, or a cell.

    On the meta device, only the first time step of a layer runs, and of a cell only the products with its weights.
    """
    with without_modes():
        if not args[0].is_meta or _is_packed(func, args):
            return func(*args)
        return _simulate_cell(*args) if func.__name__ in _CELLS else _simulate_layer(func, args)


@contextmanager
def without_modes() -> Iterator[None]:
    """Disable all dispatch modes in the `with` block. torch's `_disable_current_modes` does more, and takes longer."""
    modes = [_pop_torch_dispatch_stack(None) for _ in range(_len_torch_dispatch_stack())]
    try:
        yield
    finally:
        for mode in reversed(modes):
            _push_on_torch_dispatch_stack(mode)


def recurrent_macs(func: Any, args: Sequence[Any]) -> int:
    """Return the MACs of a call of `run_recurrent`: each time step multiplies each weight once."""
    inputs: Tensor = args[0]
    weights: Sequence[Tensor]
    if func.__name__ in _CELLS:
        steps, weights = inputs.shape[0], args[2:4]
    elif _is_packed(func, args):
        steps, weights = inputs.shape[0], args[3]
    else:
        steps, weights = inputs.shape[0] * inputs.shape[1], args[2]
    return steps * sum(weight.numel() for weight in weights if weight.dim() == 2)


def _is_packed(func: Any, args: Sequence[Any]) -> bool:
    """Return whether a layer is called with (data, batch_sizes, hx, params, …) instead of (input, hx, params, …)."""
    return func.__name__ in _LAYERS and not isinstance(args[3], bool)


def _simulate_layer(func: Any, args: tuple[Any, ...]) -> Any:
    """Run a recurrent layer on the first time step and repeat the output, which has the right shape and strides."""
    inputs, batch_first = args[0], args[-1]
    axis = 1 if batch_first else 0
    length = inputs.shape[axis]
    output, *state = func(inputs.narrow(axis, 0, min(length, 1)), *args[1:])
    if batch_first:
        return output.transpose(0, 1).repeat(length, 1, 1).transpose(0, 1), *state
    return output.repeat(length, 1, 1), *state


def _simulate_cell(inputs: Tensor, hidden: Any, input_weight: Tensor, hidden_weight: Tensor, *_biases: Any) -> Any:
    """Return a new state of the right shape.

    The input and the state are multiplied with parts of the weights, which fails if their sizes don't match.
    """
    state, *others = hidden if isinstance(hidden, tuple | list) else (hidden,)
    size = state.shape[1]
    from_input = F.linear(inputs, input_weight.narrow(0, 0, size))
    from_state = F.linear(state, hidden_weight.narrow(0, 0, size))
    if from_input.shape != from_state.shape:
        raise RuntimeError(f"the hidden state is for {len(state)} samples, the input has {len(inputs)}")
    return (from_input, from_state) if others else from_input
