"""Where tensors and arrays lie in memory, and which of them share it."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from .names import Values

Place = tuple[str, int, int]
"""A device, the address of the first byte, and that after the last."""


def place_of(values: Values) -> Place | None:
    """The whole storage that it is a view of; None where it has no memory of its own kind."""
    if isinstance(values, Tensor):
        if values.layout != torch.strided or values.is_meta:
            return None
        storage = values.untyped_storage()
        return str(values.device), storage.data_ptr(), storage.data_ptr() + storage.nbytes()
    root = values
    while isinstance(root.base, np.ndarray):
        root = root.base
    low, high = np.lib.array_utils.byte_bounds(root)
    return "cpu", low, high


def groups_of(places: Sequence[Place | None]) -> list[int]:
    """For each place the number of its group, from 1; 0 where it overlaps with no other."""
    groups = [0] * len(places)
    known = sorted((place, number) for number, place in enumerate(places) if place is not None and place[1] < place[2])
    device, end, members = "", 0, list[int]()
    count = 0
    for (on, low, high), number in known:
        if on == device and low < end:
            count += len(members) == 1
            members.append(number)
            for member in members:
                groups[member] = count
        else:
            device, members, end = on, [number], 0
        end = max(end, high)
    return _in_order(groups)


def _in_order(groups: list[int]) -> list[int]:
    """The same groups, numbered as they come."""
    numbers = {group: number for number, group in enumerate(dict.fromkeys(g for g in groups if g), 1)}
    return [numbers.get(group, 0) for group in groups]
