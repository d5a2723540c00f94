"""Trees of nodes that represent the values of a custom model, and can be compared, saved and restored."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import IOBase
from typing import Any

import torch
from torch import Tensor, nn

from .values import KINDS, UNSAVABLE, kind_of

MAX_DEPTH = 5
"""Changes to a value go undetected if it is nested in this many foreign objects (see `values.KINDS`)."""

REFERENCES = {"seen", "module", "tensor of the model"}
"""Kinds of nodes that refer to an object by its name instead of containing a copy."""

MISSING = object()
"""Stands for a value that wasn't saved."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value recorded in a snapshot. `items` holds a node for each value nested inside it."""

    path: str
    value: object
    """The object itself, which may have changed since the snapshot."""
    kind: str
    """Kind of the value: a key of `KINDS`, or one of `REFERENCES`."""
    copy: Any
    """Copy of the value. For a reference, the name of the object to which it refers."""
    items: "tuple[tuple[Any, Node], ...]" = ()


class Reader:
    """Converts values to nodes.

    If an object occurs more than once, later occurrences become references to the first one.
    """

    def __init__(self, model: nn.Module) -> None:
        self._references: dict[int, tuple[str, str]] = {}
        """Maps the id of each object to the kind and the name of a reference to the object."""
        for path, module in model.named_modules():
            self._references[id(module)] = "module", path
        for name, tensor in (*model.named_parameters(), *model.named_buffers()):
            self._references[id(tensor)] = "tensor of the model", name

    def read(self, path: str, value: object, depth: int = 0) -> Node:
        """Return the node for a value. `depth` is the number of foreign objects in which the value is nested."""
        name = kind_of(value) if depth < MAX_DEPTH else "opaque"
        kind = KINDS[name]
        if kind.is_mutable:
            if id(value) in self._references:
                return Node(path, value, *self._references[id(value)])
            self._references[id(value)] = "seen", path
        depth += name == "foreign object"
        items = tuple((key, self.read(f"{path}/{key!r}", item, depth)) for key, item in kind.items(value))
        return Node(path, value, name, kind.copy(value), items)


class Writer:
    """Converts saved values back to objects."""

    def __init__(self, model: nn.Module, device: torch.device, initial: Iterable[Node]) -> None:
        """`device` is the model's device. `initial` contains the nodes of the newly built model."""
        self._model = model
        self._device = device
        self._by_path = {node.path: node.value for root in initial for node in _all_nodes(root)}
        """Maps paths to objects. A reference of kind `seen` stands for the object at its path."""

    def decode(self, encoded: Any, current: object) -> Any:
        """Return the saved value, or `MISSING` if it wasn't saved.

        `current` is the corresponding value of the new model, or `MISSING`. If training changed the original value in
        place rather than replacing it, `current` is changed in place, too.
        """
        name, path, type_if_same, copy, items = encoded
        if name in REFERENCES:
            return self._refer(name, copy)
        kind = KINDS[name]
        if type_if_same == type(current).__name__:
            target = current
        elif kind.create is not None:
            target = kind.create(copy, self._device)
        else:
            return MISSING
        if name in UNSAVABLE:
            return target
        self._by_path[path] = target
        before = dict(KINDS[kind_of(current)].items(current))
        decoded = [(key, self.decode(item, before.get(key, MISSING))) for key, item in items]
        filled = kind.fill(target, copy, [(key, value) for key, value in decoded if value is not MISSING])
        self._by_path[path] = filled
        return filled

    def _refer(self, kind: str, name: str) -> object:
        if kind == "seen":
            return self._by_path.get(name, MISSING)
        path, _, attribute = name.rpartition(".") if kind == "tensor of the model" else (name, "", "")
        module = self._model.get_submodule(path)
        return getattr(module, attribute) if attribute else module


def roll_back(node: Node) -> object:
    """Restore the value that the node recorded, in place if possible, and return it."""
    if node.kind in REFERENCES or node.kind in UNSAVABLE:
        return node.value
    return KINDS[node.kind].fill(node.value, node.copy, [(key, roll_back(item)) for key, item in node.items])


def encode(node: Node, before: Node | None) -> list[Any]:
    """Encode a node as a list of its kind, path, type name, copy and items.

    The list contains only tensors and plain values. The type name is empty unless `before` contains the same object.
    """
    type_if_same = type(node.value).__name__ if before is not None and before.value is node.value else ""
    if node.kind in UNSAVABLE:
        return [node.kind, node.path, type_if_same, None, []]
    items_before = dict(before.items) if before is not None else {}
    items = [[key, encode(item, items_before.get(key))] for key, item in node.items]
    return [node.kind, node.path, type_if_same, node.copy, items]


def differs(before: Node | None, now: Node) -> bool:
    """Return whether a value has changed between two snapshots."""
    if before is None or before.kind != now.kind or len(before.items) != len(now.items):
        return True
    if _needs_identity(now) and before.value is not now.value:
        return True
    if _is_iterator(now.value) or not _is_equal(before.copy, now.copy):
        return True
    return any(
        key_before != key or differs(item_before, item)
        for (key_before, item_before), (key, item) in zip(before.items, now.items, strict=True)
    )


def find_unsavable(before: Node | None, now: Node) -> Node | None:
    """Return the first node that has changed and can't be saved, or None."""
    if now.kind in UNSAVABLE:
        return now if differs(before, now) else None
    if _needs_identity(now) and (before is None or before.value is not now.value):
        return now  # it is a new instance of a class whose instances can't be saved
    items_before = dict(before.items) if before is not None else {}
    found = (find_unsavable(items_before.get(key), item) for key, item in now.items)
    return next((node for node in found if node is not None), None)


def _needs_identity(node: Node) -> bool:
    """Return whether the node's object can't be recreated, so that the new model must already contain it."""
    return node.kind not in REFERENCES and KINDS[node.kind].create is None


def _is_iterator(value: object) -> bool:
    """Return whether a value is an iterator whose position can't be compared."""
    return hasattr(type(value), "__next__") and not isinstance(value, IOBase)


def _is_equal(a: Any, b: Any) -> bool:
    """Return whether two copies are equal. The copies may be tuples that contain tensors."""
    if type(a) is not type(b):
        return False
    if isinstance(a, Tensor):
        return (a.shape, a.dtype, a.device) == (b.shape, b.dtype, b.device) and torch.equal(a, b)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(_is_equal, a, b))
    return bool(a == b)


def _all_nodes(node: Node) -> Iterator[Node]:
    yield node
    for _, item in node.items:
        yield from _all_nodes(item)
