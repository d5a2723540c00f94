"""From recordings to rows: the batch axis is found and taken away, parameters are counted once.

The same pass is recorded with a batch of 2 and with a batch of 3. Whatever grew from one to the other did so with the
batch, on whatever axis it is by then: an axis of 2 and 3 is the batch itself and goes; one of 128 and 192, as where
attention windows are folded into the batch, holds 64 for each sample.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from fashion_tui.schema.shapes import Shape, ShapeRow

from .arithmetic import macs_arithmetic, params_arithmetic, shape_arithmetic
from .record import Recording, Step

_WHOLE_NUMBER = re.compile(r"(?<![\w.])(\d+)(?![\w.])")


@dataclass(frozen=True, slots=True)
class Both:
    """Two recordings of a network: the rows tell the first one; the second shows what grows with the batch."""

    few: Recording
    many: Recording

    def for_one(self, amount: int, other: int | None) -> int:
        """What an amount that grows evenly with the batch is for a batch of one; `other`: what the second pass had."""
        if other is None:
            return amount // self.few.batch
        slope = (other - amount) // (self.many.batch - self.few.batch)
        one = amount - slope * (self.few.batch - 1)
        return one if one >= 0 else amount // self.few.batch

    def shape_for_one(self, shape: Shape, other: Shape | None) -> Shape:
        """The shape without the batch axis."""
        if other is None or len(other) != len(shape):  # a step that ran in one of the passes only
            return shape[1:] if shape[:1] == (self.few.batch,) else shape
        sizes = list(zip(shape, other, strict=True))
        if self.batch_axis in sizes:
            sizes.remove(self.batch_axis)
        return tuple(self.for_one(size, grown) for size, grown in sizes)

    def shapes_for_one(self, shapes: Sequence[Shape], others: Sequence[Shape]) -> tuple[Shape, ...]:
        partners: list[Shape | None] = [*others, *[None] * len(shapes)]
        return tuple(self.shape_for_one(shape, partner) for shape, partner in zip(shapes, partners, strict=False))

    @property
    def batch_axis(self) -> tuple[int, int]:
        """The size of the batch axis in both passes."""
        return self.few.batch, self.many.batch

    def mixes_samples(self, shape: Shape, other: Shape) -> bool:
        """True where the first axis grows with the batch, but isn't the batch, and no other axis is."""
        sizes = list(zip(shape, other, strict=False))
        return bool(sizes) and self.batch_axis not in sizes and sizes[0][0] != sizes[0][1]

    def partners(self) -> list[Step | None]:
        """For each step of the first pass the same one of the second; None where the code took another way there."""
        found = dict(zip(keys_of(self.many.steps), self.many.steps, strict=True))
        return [found.get(key) for key in keys_of(self.few.steps)]


def rows_of(both: Both) -> tuple[ShapeRow, ...]:
    """The rows of the first pass, with shapes, multiply-accumulates and memory for one sample."""
    steps, partners = both.few.steps, both.partners()
    own_params = [sum(parameter.numel() for parameter in new) for new in _counted_first(steps)]
    memory = [
        both.for_one(step.bytes, partner.bytes if partner else None)
        for step, partner in zip(steps, partners, strict=True)
    ]
    rows = []
    for index, (step, partner) in enumerate(zip(steps, partners, strict=True)):
        family = slice(index, end_of_family(steps, index))
        used = [parameter for member in steps[family] for parameter in member.parameters]
        failed = index in both.few.failed
        inputs = both.shapes_for_one(step.inputs, partner.inputs if partner else ())
        outputs = both.shapes_for_one(step.outputs, partner.outputs if partner else ())
        macs = both.for_one(step.macs, partner.macs if partner and not failed else None)
        row = ShapeRow(
            name=step.name,
            path=step.path,
            depth=step.depth,
            op=step.op,
            is_module=step.is_module,
            has_children=family.stop > index + 1,
            inputs=inputs,
            sources=tuple(step.sources),
            outputs=outputs,
            settings=_settings(both, step.settings, partner.settings if partner else step.settings),
            params=sum(own_params[family]),
            own_params=own_params[index],
            trainable=any(parameter.requires_grad for parameter in used),
            reused=bool(used) and sum(own_params[family]) == 0,
            macs=macs,
            activation_bytes=sum(memory[family]),
            dtype=step.dtype,
            failed=failed,
            weights=tuple(step.parameter_names),
            arithmetic=shape_arithmetic(step, inputs, outputs),
            params_arithmetic=params_arithmetic(step),
            macs_arithmetic=macs_arithmetic(step, inputs, outputs, macs),
        )
        rows.append(row)
    return tuple(rows)


def used_parameters(recording: Recording) -> set[nn.Parameter]:
    return {parameter for step in recording.steps for parameter in step.parameters}


def _settings(both: Both, words: str, others: str) -> str:
    """A number that holds the batch, as in `x.view(x.size(0), 980)`, becomes `N`, or `64N` where a sample has 64."""
    parts, partners = _WHOLE_NUMBER.split(words), _WHOLE_NUMBER.split(others)
    if words == others or parts[::2] != partners[::2]:
        return words
    for index in range(1, len(parts), 2):
        if parts[index] != partners[index]:
            one = both.for_one(int(parts[index]), int(partners[index]))
            parts[index] = "N" if one == 1 else f"{one}N"
    return "".join(parts)


def keys_of(steps: Sequence[Step] | Sequence[ShapeRow]) -> list[tuple[str, str, int]]:
    """What step it is, and the how manieth of its kind."""
    seen: Counter[tuple[str, str]] = Counter()
    keys = []
    for step in steps:
        keys.append((step.path, step.op, seen[step.path, step.op]))
        seen[step.path, step.op] += 1
    return keys


def _counted_first(steps: Sequence[Step]) -> list[list[nn.Parameter]]:
    """For each step the parameters that no step before it used."""
    seen: set[int] = set()
    first = []
    for step in steps:
        new = {id(parameter): parameter for parameter in step.parameters if id(parameter) not in seen}
        seen |= new.keys()
        first.append([*new.values()])
    return first


def end_of_family(steps: Sequence[Step] | Sequence[ShapeRow], index: int) -> int:
    """The index after the last step that belongs to the one at `index`, itself among them."""
    end = index + 1
    while end < len(steps) and steps[end].depth > steps[index].depth:
        end += 1
    return end
