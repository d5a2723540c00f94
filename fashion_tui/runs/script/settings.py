"""Convert the `config` that a script passes to `log_run`, which may be anything, to JSON."""

import dataclasses
import types
from collections.abc import Mapping
from typing import Any

import msgspec

from fashion_tui.schema.floats import encode_float
from fashion_tui.schema.text import encodable, one_line

MAX_SETTINGS_BYTES = 256 << 10
"""Maximum size of the stored settings. `config.json` may be four times as large."""

MAX_DEPTH = 20
MAX_STRING = 2000

MAX_INTEGER = 2**63


def json_settings(config: object) -> tuple[dict[str, object], str | None]:
    """Return `config` as a JSON object, and a one-line warning if some of it can't be stored.

    A mapping, a dataclass instance or an `argparse.Namespace` becomes an object with the same names. Values that JSON
    can't represent, such as paths and devices, become strings.
    """
    if config is None:
        return {}, None
    try:
        value = _json_value(config, 0)
    except Exception as error:  # noqa: BLE001 - the config may be of any type
        return {}, f"config isn't stored: {one_line(repr(error))}"
    settings = value if isinstance(value, dict) else {"config": value}
    sizes = {name: len(name) + len(msgspec.json.encode(item)) for name, item in settings.items()}
    excess, left_out = sum(sizes.values()) - MAX_SETTINGS_BYTES, []
    for name in sorted(sizes, key=sizes.__getitem__, reverse=True):
        if excess <= 0:
            break
        excess -= sizes[name]
        del settings[name]
        left_out.append(one_line(name, 40))
    if not left_out:
        return settings, None
    names = ", ".join(left_out[:5]) + (", …" if len(left_out) > 5 else "")
    return settings, f"config is larger than {MAX_SETTINGS_BYTES:,} bytes; its largest values aren't stored: {names}"


def _json_value(value: Any, depth: int) -> object:
    if depth < MAX_DEPTH:
        if isinstance(value, list | tuple | set | frozenset):
            return [_json_value(item, depth + 1) for item in value]
        if (fields := _fields(value)) is not None:
            return {_string(name): _json_value(item, depth + 1) for name, item in fields.items()}
    if isinstance(value, float):
        return encode_float(float(value))
    if value is None or isinstance(value, bool) or (isinstance(value, int) and abs(value) < MAX_INTEGER):
        return value
    return _string(value)


def _fields(value: Any) -> Mapping[Any, object] | None:
    """Return the items of a mapping, or the attributes of a dataclass instance or a namespace, else None."""
    if isinstance(value, Mapping):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
    if isinstance(value, types.SimpleNamespace) or type(value).__name__ == "Namespace":  # argparse isn't imported here
        attributes: dict[str, object] = vars(value)
        return attributes
    return None


def _string(value: object) -> str:
    try:
        text = str(value)
    except Exception:  # noqa: BLE001 - the value is the user's, and so is its __str__
        text = f"<{type(value).__name__}>"
    return encodable(text if len(text) <= MAX_STRING else f"{text[: MAX_STRING - 1]}…")
