"""Remarks about networks that run but look wrong."""

from collections.abc import Sequence

from fashion_tui.schema.shapes import Remark

from .calls import Call


def unregistered_remark(calls: Sequence[Call]) -> Remark | None:
    """Return a remark about functions that use unregistered parameters, or None if no function does."""
    unregistered = {call.path: index for index, call in reversed([*enumerate(calls)]) if call.uses_unregistered}
    if not unregistered:
        return None
    first, *others = sorted(unregistered, key=unregistered.__getitem__)
    text = (
        "uses parameters that are not registered with the network, so no optimizer trains them; "
        "assign layers as attributes or put them into nn.ModuleList"
    )
    return Remark(unregistered[first], text + (f" (the same in {', '.join(others)})" if others else ""))
