"""Make the strings in a run's files encodable before writing them, and printable after reading them."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from fashion_tui.schema.text import encodable, one_line

MAX_LENGTH = 500
"""Maximum length of a string read from a run's files, in characters. A run may come from someone else."""

StructT = TypeVar("StructT", bound=msgspec.Struct)


def encodable_strings(struct: StructT) -> StructT:
    """Make all strings in a struct, and the keys of its dicts, encodable as UTF-8.

    File names, for example, may contain bytes that aren't valid UTF-8.
    """
    return _map_strings(struct, encodable)


def printable_strings(struct: StructT) -> StructT:
    """Convert each string of a struct, and each key of its dicts, to one printable line of limited length."""
    return _map_strings(struct, _printable_line)


@lru_cache(maxsize=1000)
def _printable_line(value: str) -> str:
    """Return the string as one printable line. Results are cached, because names of metrics occur repeatedly."""
    return one_line(value, MAX_LENGTH)


def _map_strings(struct: StructT, function: Callable[[str], str]) -> StructT:
    changed: dict[str, Any] = {}
    for name in struct.__struct_fields__:
        value = getattr(struct, name)
        if isinstance(value, str) and (new := function(value)) != value:
            changed[name] = new
        elif isinstance(value, dict) and any(function(key) != key for key in value):
            changed[name] = {function(key): item for key, item in value.items()}
    return msgspec.structs.replace(struct, **changed) if changed else struct
