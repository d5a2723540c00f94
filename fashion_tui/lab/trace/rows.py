"""Convert recordings to rows: remove the batch axis and count each parameter once.

One pass is recorded with a batch of 2, and another with a batch of 3. Every size that differs between the two
recordings grows with the batch, whichever axis it is on. An axis whose sizes are 2 and 3 is the batch axis and is
removed. An axis whose sizes are 128 and 192 has size 64 for one sample. Such an axis occurs if, for example, attention
windows are folded into the batch.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from fashion_tui.schema.shapes import Shape, ShapeRow

from .arithmetic import macs_arithmetic, params_arithmetic, shape_arithmetic
from .record import Call, Recording

CallKey = tuple[str, str, int]
"""Identifies a call by its path, its operation, and its index among the calls with the same path and operation."""

_INTEGER = re.compile(r"(?<![\w.])(\d+)(?![\w.])")


@dataclass(frozen=True, slots=True)
class RecordingPair:
    """Two recordings of a network. The first defines the rows; the second shows which sizes grow with the batch."""

    first: Recording
    second: Recording

    def per_sample(self, amount: int, other: int | None) -> int:
        """Return an amount, such as bytes or MACs, for a batch of one, given the amounts in both recordings.

        Amounts are assumed to grow linearly with the batch size. `other` is the amount in the second recording, or None
        if the call is missing from the second recording.
        """
        if other is None:
            return amount // self.first.batch
        slope = (other - amount) // (self.second.batch - self.first.batch)
        one = amount - slope * (self.first.batch - 1)
        return one if one >= 0 else amount // self.first.batch

    def sample_shape(self, shape: Shape, other: Shape | None) -> Shape:
        """Return the shape of one sample, given the shapes in the first and the second recording."""
        if other is None or len(other) != len(shape):  # the second recording has no comparable shape
            return shape[1:] if shape[:1] == (self.first.batch,) else shape
        sizes = list(zip(shape, other, strict=True))
        if self.batch_sizes in sizes:
            sizes.remove(self.batch_sizes)
        return tuple(self.per_sample(size, other_size) for size, other_size in sizes)

    def sample_shapes(self, shapes: Sequence[Shape], others: Sequence[Shape]) -> tuple[Shape, ...]:
        padded: list[Shape | None] = [*others, *[None] * len(shapes)]
        return tuple(self.sample_shape(shape, other) for shape, other in zip(shapes, padded, strict=False))

    @property
    def batch_sizes(self) -> tuple[int, int]:
        """The size of the batch axis in each recording."""
        return self.first.batch, self.second.batch

    def mixes_samples(self, shape: Shape, other: Shape) -> bool:
        """Return whether the samples of a batch can no longer be told apart, given a tensor's shape in each recording.

        That is assumed if the first axis changes with the batch size but no axis equals it.
        """
        sizes = list(zip(shape, other, strict=False))
        return bool(sizes) and self.batch_sizes not in sizes and sizes[0][0] != sizes[0][1]

    def counterparts(self) -> list[Call | None]:
        """Return, for each call of the first recording, the same call in the second recording.

        An item is None if the code took a different branch in the second recording.
        """
        others = dict(zip(call_keys(self.second.calls), self.second.calls, strict=True))
        return [others.get(key) for key in call_keys(self.first.calls)]


def rows_of(pair: RecordingPair) -> tuple[ShapeRow, ...]:
    """Return the rows of the first recording, with shapes, MACs and memory for one sample."""
    calls, counterparts = pair.first.calls, pair.counterparts()
    own_params = [sum(parameter.numel() for parameter in new) for new in _first_uses(calls)]
    memory = [
        pair.per_sample(call.new_bytes, other.new_bytes if other else None)
        for call, other in zip(calls, counterparts, strict=True)
    ]
    rows = []
    for index, (call, other) in enumerate(zip(calls, counterparts, strict=True)):
        subtree = slice(index, end_of_children(calls, index))
        used = [parameter for inner in calls[subtree] for parameter in inner.parameters]
        failed = index in pair.first.failed
        inputs = pair.sample_shapes(call.inputs, other.inputs if other else ())
        outputs = pair.sample_shapes(call.outputs, other.outputs if other else ())
        macs = pair.per_sample(call.macs, other.macs if other and not failed else None)
        row = ShapeRow(
            name=call.name,
            path=call.path,
            depth=call.depth,
            op=call.op,
            is_module=call.is_module,
            has_children=subtree.stop > index + 1,
            inputs=inputs,
            sources=tuple(call.sources),
            producers=tuple(call.producers),
            outputs=outputs,
            settings=_sample_settings(pair, call.settings, other.settings if other else call.settings),
            params=sum(own_params[subtree]),
            own_params=own_params[index],
            trainable=any(parameter.requires_grad for parameter in used),
            reused=bool(used) and sum(own_params[subtree]) == 0,
            macs=None if call.has_unknown_macs else macs,
            activation_bytes=sum(memory[subtree]),
            dtype=call.dtype,
            failed=failed,
            weights=tuple(call.parameter_names),
            arithmetic=shape_arithmetic(call, inputs, outputs),
            params_arithmetic=params_arithmetic(call),
            macs_arithmetic=macs_arithmetic(call, inputs, outputs, macs),
        )
        rows.append(row)
    return tuple(rows)


def used_parameters(recording: Recording) -> set[nn.Parameter]:
    return {parameter for call in recording.calls for parameter in call.parameters} | {*recording.returned}


def call_keys(calls: Sequence[Call] | Sequence[ShapeRow]) -> list[CallKey]:
    seen: Counter[tuple[str, str]] = Counter()
    keys = []
    for call in calls:
        keys.append((call.path, call.op, seen[call.path, call.op]))
        seen[call.path, call.op] += 1
    return keys


def end_of_children(calls: Sequence[Call] | Sequence[ShapeRow], index: int) -> int:
    """Return the index after the last call that was made inside the call at `index`."""
    end = index + 1
    while end < len(calls) and calls[end].depth > calls[index].depth:
        end += 1
    return end


def _sample_settings(pair: RecordingPair, settings: str, other: str) -> str:
    """Write each number that grows with the batch as `N` or as a multiple such as `64N`.

    For example, the first argument of `x.view(x.size(0), 980)` is the batch size, so it is written as `N`.
    """
    parts, other_parts = _INTEGER.split(settings), _INTEGER.split(other)
    if settings == other or parts[::2] != other_parts[::2]:
        return settings
    for index in range(1, len(parts), 2):
        if parts[index] != other_parts[index]:
            one = pair.per_sample(int(parts[index]), int(other_parts[index]))
            parts[index] = "N" if one == 1 else f"{one}N"
    return "".join(parts)


def _first_uses(calls: Sequence[Call]) -> list[list[nn.Parameter]]:
    """Return, for each call, the parameters that no earlier call used."""
    seen: set[int] = set()
    first = []
    for call in calls:
        new = {id(parameter): parameter for parameter in call.parameters if id(parameter) not in seen}
        seen |= new.keys()
        first.append([*new.values()])
    return first
