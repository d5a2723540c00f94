"""Explain the failure of recurrent layers and attention: feature sizes, states, masks, and the order of the axes."""

import ast
from collections.abc import Sequence
from typing import Any

from torch import nn

from fashion_tui.lab.trace.operands import Operand
from fashion_tui.schema.shapes import Fix

from .changes import TRANSFORMERS, at_calls, change_input, input_node, set_batch_first, set_layer_argument
from .definitions import sizes_of
from .failure import Change, Explanation, Failure, TensorArgument
from .sizes import CREATING
from .source import Edit, Source, call_name


def explain_recurrent(failure: Failure, layer: Any) -> Explanation | None:
    """Explain the failure of nn.RNN, nn.LSTM, nn.GRU, or one of their cells."""
    sample, path, name = failure.input, failure.row.path, failure.name
    is_cell = isinstance(layer, nn.RNNCellBase)
    if not is_cell and len(sample) > 2:
        axes = "[N, length, features]" if layer.batch_first else "[length, N, features]"
        expected = axes if failure.has_batch_axis else "[length, features]"
        text = f"{name} expects {expected}, got {failure.input_text}: {failure.origin()}"
        if 1 in sample:
            axis = sample.index(1) + 1
            change = change_input(failure, f"{{}}.squeeze({axis})", f"nn.Flatten({axis}, {axis + 1})")
            return Explanation(f"{text}; remove the axis of size 1 with squeeze({axis})", (change,))
        return Explanation(
            f"{text}; flatten the axes of each step with flatten(2)", (change_input(failure, "{}.flatten(2)"),)
        )
    if sample and sample[-1] != layer.input_size:
        text = f"{name} expects {layer.input_size} features, got {sample[-1]}: {failure.origin()}"
        resize = set_layer_argument(path, 0, "input_size", sample[-1])
        if len(sample) == 2 and sample[0] == layer.input_size:
            swap = change_input(failure, "{}.transpose(1, 2)")
            return Explanation(f"{text}; swap the axes with transpose(1, 2)", (swap, resize))
        return Explanation(f"{text}; set input_size to {sample[-1]}", (resize,))
    states = failure.arguments.get(1, "hx")
    return None if states is None else _explain_states(failure, layer, states, is_cell=is_cell)


def _explain_states(failure: Failure, layer: Any, states: Any, *, is_cell: bool) -> Explanation | None:
    has_two = isinstance(layer, nn.LSTM | nn.LSTMCell)
    if has_two and isinstance(states, Operand):
        change = change_input(failure, "({0}, torch.zeros_like({0}))", index=1)
        text = f"{failure.name} expects two states (hidden, cell), got one tensor; pass both as a tuple"
        return Explanation(text, (change,))
    if not has_two and not isinstance(states, Operand):
        text = f"{failure.name} expects one hidden state, got a tuple; only an LSTM has two states"
        return Explanation(text, (change_input(failure, "{}[0]", index=1),))
    tensors = failure.tensors_in(states)
    data = failure.tensors[0]
    for state in tensors:
        if not is_cell and len(data.shape) == 2 and len(state.shape) != 2:
            text = f"{failure.name} gets one sequence, {data.text}, so its state must be [layers, hidden features]"
            return Explanation(f"{text}, got {state.text}", (_omit_state,))
        found = _explain_state(failure, layer, data, state, is_cell=is_cell)
        if found is not None:
            return found
    return None


def _explain_state(
    failure: Failure, layer: Any, data: TensorArgument, state: TensorArgument, *, is_cell: bool
) -> Explanation | None:
    label = f"`{state.operand.name}`" if state.operand.name else "the state"
    hidden = getattr(layer, "proj_size", 0) or layer.hidden_size
    if state.shape[-1] != hidden:
        text = f"{failure.name} has {hidden} hidden features, but {label} {state.text} has {state.size(-1)}"
        return Explanation(f"{text}; its last axis must be {hidden}", (_resize_state(failure, -1, state, str(hidden)),))
    axis = 0 if is_cell else 1
    if not is_cell:
        rows = layer.num_layers * (2 if layer.bidirectional else 1)
        if state.shape[0] != rows:
            count = f"{layer.num_layers} {'layer' if layer.num_layers == 1 else 'layers'}"
            count += " and 2 directions" if layer.bidirectional else ""
            text = f"{failure.name} needs a state for {count}, but {label} is {state.text}"
            return Explanation(f"{text}: its first axis must be {rows}", (_resize_state(failure, 0, state, str(rows)),))
    if len(state.shape) <= axis or len(data.shape) < 2:
        return None
    batch = 0 if is_cell or layer.batch_first else 1
    if state.shape[axis] == data.shape[batch]:
        return None
    if batch == 1 and state.shape[axis] == data.shape[0]:
        return Explanation(
            f"{failure.name} reads its input {data.text} as [length, batch, features], because batch_first is False, "
            f"so the state {state.text} doesn't fit; pass batch_first=True",
            (set_batch_first(failure.row.path),),
        )
    text = (
        f"{failure.name} gets {data.size(batch)} samples, but {label} is made for {state.size(axis)}: "
        f"its shape is {state.text}"
    )
    changes = (_resize_state(failure, axis, state, None), _slice_state(failure, axis), _omit_state)
    return Explanation(f"{text}; create it with the batch size, for example x.size({batch})", changes)


def _resize_state(failure: Failure, axis: int, state: TensorArgument, size: str | None) -> Change:
    """Change a size of the call that creates the state. `size` is None for the batch size of the input."""

    def change(source: Source) -> Sequence[Fix]:
        data, new = input_node(failure, source), size
        if new is None and isinstance(data, ast.Name):
            new = f"{data.id}.size({0 if getattr(failure.call.target, 'batch_first', True) else 1})"
        if new is None:
            return []
        edits: dict[int, list[Edit | None]] = {}
        for call in source.nodes(kind=ast.Call):
            sizes = sizes_of(call)
            if call_name(call) in CREATING and len(sizes) == len(state.shape):
                edits.setdefault(call.lineno, []).append(source.replace(sizes[axis], new))
        return [fix for line in sorted(edits, reverse=True) for fix in source.edit(*edits[line])]

    return change


def _omit_state(source: Source) -> Sequence[Fix]:
    """Call the layer without a state. Its initial state is then zero."""
    call = source.node
    if not isinstance(call, ast.Call) or len(call.args) != 2 or call.args[0].end_col_offset is None:
        return []
    first, last = call.args
    if first.end_lineno != last.end_lineno or last.end_col_offset is None or first.end_lineno is None:
        return []
    return source.edit((first.end_lineno, first.end_col_offset or 0, last.end_col_offset, ""))


def _slice_state(failure: Failure, axis: int) -> Change:
    """Slice a state that the network stores to the batch size."""

    def change(source: Source) -> Sequence[Fix]:
        data, state = input_node(failure, source), input_node(failure, source, 1)
        if not isinstance(data, ast.Name) or not isinstance(state, ast.Name | ast.Attribute):
            return []
        batch = 0 if getattr(failure.call.target, "batch_first", True) else 1
        colons = ":, " * axis
        return source.wrap(state, f"{{}}[{colons}:{data.id}.size({batch})]")

    return change


def explain_attention(failure: Failure, layer: Any) -> Explanation | None:
    """Explain the failure of nn.MultiheadAttention."""
    tensors = [failure.arguments.get(index, name) for index, name in enumerate(("query", "key", "value"))]
    if not all(isinstance(tensor, Operand) for tensor in tensors):
        return None
    query, key, value = failure.tensors_in(tuple(tensors))
    for label, tensor, expected in (
        ("query", query, layer.embed_dim),
        ("key", key, layer.kdim),
        ("value", value, layer.vdim),
    ):
        if tensor.shape[-1] != expected:
            return _wrong_features(failure, label, tensor, expected)
    if len(query.shape) != 3:
        return None
    batch, length = (0, 1) if layer.batch_first else (1, 0)
    if query.shape[batch] != key.shape[batch] and not layer.batch_first and query.shape[0] == key.shape[0]:
        return Explanation(
            f"{failure.name} reads {query.text} and {key.text} as [length, batch, features], because batch_first is "
            "False; pass batch_first=True",
            (set_batch_first(failure.row.path),),
        )
    if key.shape[:2] != value.shape[:2]:
        return Explanation(f"{failure.name} needs as many values as keys, got keys {key.text} and values {value.text}")
    return _explain_masks(failure, layer, query, key, (batch, length))


def _wrong_features(failure: Failure, label: str, tensor: TensorArgument, expected: int) -> Explanation:
    got, path = tensor.shape[-1], failure.row.path
    if label == "query":
        text = f"{failure.name} expects {expected} features, got {got}: {failure.origin()}"
        changes = (
            set_layer_argument(path, 0, "embed_dim", got),
            set_layer_argument(path.rpartition(".")[0], 0, "d_model", got),
            *(
                at_calls(name, lambda source, call: source.edit(source.set_argument(call, 0, "d_model", got)))
                for name in TRANSFORMERS
            ),
        )
        name = "d_model" if "self_attn" in path else "embed_dim"
        return Explanation(f"{text}; set {name} to {got}", changes)
    if failure.row.name == "multihead_attn":
        text = f"{failure.name} expects {expected} features in the memory, got {got}: its shape is {tensor.text}"
        return Explanation(f"{text}; the memory needs d_model features, like the target")
    name = "kdim" if label == "key" else "vdim"
    text = f"{failure.name} expects {expected} features in the {label}, got {got}: its shape is {tensor.text}"
    return Explanation(f"{text}; set {name} to {got}", (set_layer_argument(path, None, name, got),))


def _explain_masks(
    failure: Failure, layer: Any, query: TensorArgument, key: TensorArgument, axes: tuple[int, int]
) -> Explanation | None:
    batch, length = axes
    padding, mask = failure.arguments.get(3, "key_padding_mask"), failure.arguments.get(5, "attn_mask")
    for tensor in failure.tensors_in(padding):
        expected = (key.shape[batch], key.shape[length])
        if tensor.shape != expected:
            text = f"{failure.name} expects a key_padding_mask of shape [{key.size(batch)}, {key.size(length)}]"
            text += f", got {tensor.text}"
            if not layer.batch_first and tensor.shape == expected[::-1]:
                return _suggest_batch_first(failure, text)
            return Explanation(text)
    for tensor in failure.tensors_in(mask):
        expected = (query.shape[length], key.shape[length])
        if tensor.shape[-2:] != expected:
            sizes = f"[{query.size(length)}, {key.size(length)}]"
            text = f"{failure.name} expects an attn_mask of shape {sizes}, got {tensor.text}"
            if not layer.batch_first and tensor.shape[-2:] == (query.shape[1], key.shape[1]):
                return _suggest_batch_first(failure, text)
            return Explanation(text)
    return None


def _suggest_batch_first(failure: Failure, text: str) -> Explanation:
    text += ": it reads its input as [length, batch, features], because batch_first is False; pass batch_first=True"
    return Explanation(text, (set_batch_first(failure.row.path),))
