"""Convert recorded passes to rows: remove the batch axis and count each parameter once."""

from collections.abc import Sequence

from torch import nn

from fashion_tui.schema.shapes import ShapeRow

from .arithmetic import macs_arithmetic, params_arithmetic, shape_arithmetic
from .batch_axis import CallInPasses, Passes
from .calls import Call


def rows_of(passes: Passes) -> tuple[ShapeRow, ...]:
    """Return the rows of the main pass, with shapes, MACs and memory for one sample."""
    calls = passes.calls()
    mains = [call.main for call in calls]
    own_params = [sum(parameter.numel() for parameter in new) for new in _first_uses(mains)]
    memory = [passes.per_sample(call.main.new_bytes, *_amounts(call, "new_bytes")) for call in calls]
    rows = []
    for index, call in enumerate(calls):
        main = call.main
        subtree = slice(index, end_of_children(mains, index))
        used = [parameter for inner in mains[subtree] for parameter in inner.parameters]
        failed = index in passes.main.failed
        inputs = passes.sample_shapes(main.inputs, *_shapes(call, "inputs"))
        outputs = passes.sample_shapes(main.outputs, *_shapes(call, "outputs"))
        macs = passes.per_sample(main.macs, *((None, None) if failed else _amounts(call, "macs")))
        row = ShapeRow(
            name=main.name,
            path=main.path,
            depth=main.depth,
            op=main.op,
            is_module=main.is_module,
            has_children=subtree.stop > index + 1,
            inputs=inputs,
            sources=tuple(main.sources),
            producers=tuple(main.producers),
            outputs=outputs,
            settings=passes.sample_settings(call),
            params=sum(own_params[subtree]),
            own_params=own_params[index],
            trainable=any(parameter.requires_grad for parameter in used),
            reused=bool(used) and sum(own_params[subtree]) == 0,
            macs=None if main.has_unknown_macs else macs,
            activation_bytes=sum(memory[subtree]),
            dtype=main.dtype,
            failed=failed,
            weights=tuple(main.parameter_names),
            arithmetic=shape_arithmetic(main, inputs, outputs),
            params_arithmetic=params_arithmetic(main),
            macs_arithmetic=macs_arithmetic(main, inputs, outputs, macs),
        )
        rows.append(row)
    return tuple(rows)


def end_of_children(calls: Sequence[Call] | Sequence[ShapeRow], index: int) -> int:
    """Return the index after the last call that was made inside the call at `index`."""
    end = index + 1
    while end < len(calls) and calls[end].depth > calls[index].depth:
        end += 1
    return end


def known_macs(rows: Sequence[ShapeRow]) -> int:
    """Return the sum of the known MACs. If they are unknown for a row, those of the calls inside it are added."""
    total = index = 0
    while index < len(rows):
        macs = rows[index].macs
        total += macs or 0
        index = index + 1 if macs is None else end_of_children(rows, index)
    return total


def _amounts(call: CallInPasses, attribute: str) -> tuple[int | None, int | None]:
    return getattr(call.first, attribute, None), getattr(call.second, attribute, None)


def _shapes(call: CallInPasses, attribute: str) -> tuple[list[tuple[int, ...]] | None, list[tuple[int, ...]] | None]:
    return getattr(call.first, attribute, None), getattr(call.second, attribute, None)


def _first_uses(calls: Sequence[Call]) -> list[list[nn.Parameter]]:
    """Return, for each call, the parameters that no earlier call used."""
    seen: set[int] = set()
    first = []
    for call in calls:
        new = {id(parameter): parameter for parameter in call.parameters if id(parameter) not in seen}
        seen |= new.keys()
        first.append([*new.values()])
    return first
