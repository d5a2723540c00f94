"""Receptive fields of calls that move, select or repeat values, such as permute, an index or padding."""

import re
from collections.abc import Iterable, Sequence

import numpy as np

from fashion_tui.schema.shapes import ShapeRow

from .calls import Call
from .reach import Field, Positions, Reach

_RESHAPING = frozenset({"flatten", "view", "reshape", "Flatten", "squeeze", "unsqueeze", "unflatten", "Unflatten"})
_TRANSPOSING = frozenset({"transpose", "swapaxes", "swapdims", "mT"})
_SPLITTING = frozenset({"chunk", "split", "tensor_split", "unbind"})
INTEGER = re.compile(r"-?\d+")


def field_of_moved(row: ShapeRow, call: Call, sources: Sequence[Field]) -> Field | None:
    """Return the field of a call that moves, selects or repeats values."""
    function, shape, output = function_of(row), row.inputs[0], row.outputs[0]
    if function in _RESHAPING:
        reaches = [reach.reshaped(shape, output) for reach in sources[0]]
    elif (order := _order(row, call)) is not None:
        reaches = [reach.permuted(order) for reach in sources[0]]
    elif (index := _index(row, call)) is not None:
        reaches = [reach.indexed(shape, index) for reach in sources[0]]
    elif function == "roll" and (axes := _rolled_axes(row, call)) is not None:
        reaches = [_rolled(reach, axes) for reach in sources[0]]
    elif function in _SPLITTING and len(shape) == len(output):  # the other outputs have the field of the first one
        changed = [axis for axis in range(len(shape)) if shape[axis] != output[axis]]
        is_same = all(reach.first.shape[axis] == 1 for reach in sources[0] for axis in changed)
        reaches = [*sources[0]] if is_same else [None]
    elif (taps := _padding_taps(row, call)) is not None:
        reaches = [_padded(reach, taps) for reach in sources[0]]
    else:
        return None
    known = tuple(reach for reach in reaches if reach is not None)
    return known if len(known) == len(reaches) else None


def _order(row: ShapeRow, call: Call) -> list[int] | None:
    """Return the order of the sample's axes after a permutation, or None for other calls or if the batch moves."""
    function, rank = function_of(row), len(row.inputs[0])
    axes = sample_axes(row, call, INTEGER.findall(re.sub(r"\w+=", "", call.settings)))
    if function == "permute":
        order = axes[1:] if axes[:1] == [-1] else axes
    elif function in _TRANSPOSING:
        first, second = (rank - 2, rank - 1) if function == "mT" else axes if len(axes) == 2 else (-1, -1)
        order = [second if axis == first else first if axis == second else axis for axis in range(rank)]
    else:
        return None
    return order if sorted(order) == [*range(rank)] and order != [*range(rank)] else None


def _index(row: ShapeRow, call: Call) -> tuple[object, ...] | None:
    """Return the index of one sample, such as `(0,)` for `x[:, 0]`, or None for other calls and for other samples."""
    if function_of(row) not in {"[]", "getitem"} or len(call.arguments) != 1:
        return None
    index = call.arguments[0]
    index = index if isinstance(index, tuple) else (index,)
    is_plain = all(part is None or part is ... or isinstance(part, int | slice) for part in index)
    if not is_plain or any(isinstance(part, bool) for part in index):
        return None
    if index[:1] == (...,) or len(call.inputs[0]) == len(row.inputs[0]):
        return index
    return index[1:] if index[:1] == (slice(None),) else None


def _rolled_axes(row: ShapeRow, call: Call) -> dict[int, int] | None:
    """Return the shift of each axis of the sample that `torch.roll` moves, or None if it moves the samples."""
    integers = [*map(int, INTEGER.findall(call.settings))]
    amounts, numbers = integers[: len(integers) // 2], integers[len(integers) // 2 :]
    axes = dict(zip(sample_axes(row, call, numbers), amounts, strict=False))
    return axes if axes and min(axes) >= 0 and len(amounts) == len(numbers) else None


def _rolled(reach: Reach, axes: dict[int, int]) -> Reach:
    moved = [axis for axis in axes if reach.first.shape[axis] > 1]
    shifts = [axes[axis] for axis in moved]
    return Reach(np.roll(reach.first, shifts, moved), np.roll(reach.last, shifts, moved)) if moved else reach


Taps = dict[int, Positions]
"""For each padded axis, the input position that each output position is copied from. Negative ones are padding."""


def _padding_taps(row: ShapeRow, call: Call) -> Taps | None:
    kind = type(call.target).__name__ if row.is_module else row.settings
    if row.is_module and type(call.target).__module__ == "torch.nn.modules.padding":
        amounts = getattr(call.target, "padding", None)
    elif row.name == "pad" and call.arguments:
        amounts = call.arguments[0]
    else:
        return None
    if not isinstance(amounts, tuple | list) or not all(isinstance(amount, int) for amount in amounts):
        return None
    taps: Taps = {}
    for index, (before, after) in enumerate(zip(amounts[::2], amounts[1::2], strict=True)):
        axis = len(row.inputs[0]) - 1 - index
        size = row.inputs[0][axis]
        positions = np.arange(-before, size + after)
        if "reflect" in kind.lower():
            positions = np.abs(positions)
            positions = np.where(positions >= size, 2 * (size - 1) - positions, positions)
        elif "replic" in kind.lower():
            positions = np.clip(positions, 0, size - 1)
        elif "circular" in kind.lower():
            positions = positions % size
        taps[axis] = positions
    return taps


def _padded(reach: Reach, taps: Taps) -> Reach:
    for axis, positions in taps.items():
        column = positions[:, None]
        reach = reach.taken(axis, column, valid=np.ones_like(column, dtype=bool))
    return reach


def sample_axes(row: ShapeRow, call: Call, numbers: Iterable[int | str]) -> list[int]:
    """Convert axes of the batch, which may be negative, to axes of a sample. The batch axis becomes -1.

    The batch has no axis of its own if, for example, attention windows are folded into it.
    """
    rank = len(call.inputs[0])
    return [int(number) % rank - (rank - len(row.inputs[0])) for number in numbers]


def function_of(row: ShapeRow) -> str:
    return row.op.rpartition(".")[2] or row.op
