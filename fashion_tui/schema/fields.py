"""Descriptions of the fields of a recipe: label, type, unit, bounds or choices, and one line of help.

A struct describes each of its fields in the field's annotation:

    momentum: Annotated[float, About("momentum", "Momentum of SGD", "Optimizer", ge=0, lt=1)] = 0.9

The command-line options, the form that starts a run, the files for `train --config` and the range checks are derived
from these descriptions. An unused field has the value 0 or a choice such as `none`. It is never None, because TOML has
no null value.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from .errors import UsageError

FieldValue = int | float | str | bool | tuple[float, ...]
"""Value of a field. A tuple has one number for each channel of an image, or one for all."""

NO, YES = "no", "yes"

_OTHER_NAMES = {"learning_rate": "--lr", "compiled": "--compile"}
"""Options whose names differ from their fields' names."""


@dataclass(frozen=True, slots=True)
class About:
    """Describes a field, as part of its annotation.

    The bounds are those of numbers: `ge` (at least), `gt` (greater than), `le` (at most), `lt` (less than).
    """

    label: str
    """One to three words, in lower case except for names, as in "learning rate"."""
    help: str
    """One sentence or noun phrase without a full stop, at most 60 characters long."""
    group: str
    """Heading under which the field is listed. The fields of a group must be adjacent, the most important ones
    first."""
    unit: str = ""
    """Unit in the plural, such as `images`, or an empty string."""
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None


class InvalidField(UsageError):
    """Raised if the value of a field is invalid, alone or in combination with other fields."""

    def __init__(self, field: str, message: str, *others: str) -> None:
        """`others` are the fields whose values conflict with the value of `field`."""
        super().__init__(message)
        self.field = field
        """Name of the field that the user should change."""
        self.fields = (field, *others)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a struct with its description."""

    name: str
    type: type[int | float | str | bool | tuple[float, ...]]
    about: About
    choices: tuple[str, ...]
    """The values of a field whose type is a Literal. Empty for other types."""
    default: FieldValue | None = None
    """The struct's default value, or None if it has none."""

    @property
    def range(self) -> str:
        """The choices, or the bounds and the unit, such as "between 0 and 28 pixels". Empty if there are none."""
        if self.choices:
            return (" or " if len(self.choices) == 2 else ", ").join(self.choices)
        about = self.about
        if (about.gt, about.le, about.lt) == (0, None, None):
            return f"a positive number of {about.unit}" if about.unit else "a positive number"
        if about.ge is not None and about.le is not None:
            return f"between {about.ge:,} and {about.le:,} {about.unit}".strip()
        bounds = (
            "" if about.ge is None else f"{about.ge:,} or more",
            "" if about.gt is None else f"greater than {about.gt:,}",
            "" if about.le is None else f"at most {about.le:,}",
            "" if about.lt is None else f"less than {about.lt:,}",
        )
        return f"{' and '.join(filter(None, bounds))} {about.unit}".strip()

    def check(self, value: FieldValue) -> None:
        """Raise InvalidField if a value of the field's type isn't one of the choices, or is out of bounds."""
        if self.choices and value not in self.choices:
            raise InvalidField(
                self.name, f"unknown {self.about.label} {value!r}; choose from {', '.join(self.choices)}"
            )
        if isinstance(value, tuple) and not value:
            raise InvalidField(self.name, f"{self.about.label} has no value; give one number, or one for each channel")
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, int | float) and not self._is_within_bounds(number):
                raise InvalidField(
                    self.name, f"{self.about.label} is {number}; it must be {self.range or 'a finite number'}"
                )

    def _is_within_bounds(self, value: float) -> bool:
        about = self.about
        return (
            (isinstance(value, int) or math.isfinite(value))
            and (about.ge is None or value >= about.ge)
            and (about.gt is None or value > about.gt)
            and (about.le is None or value <= about.le)
            and (about.lt is None or value < about.lt)
        )

    def parse(self, text: str) -> FieldValue:
        """Convert the user's input to the field's type, and check it. Raises InvalidField."""
        text = text.strip()
        convert, expected = _CONVERSIONS[self.type]
        try:
            value = convert(text)
        except (ValueError, KeyError):
            raise InvalidField(self.name, f"{text!r} is not {expected}") from None
        self.check(value)
        return value

    def format(self, value: FieldValue) -> str:
        """Return the shortest string that `parse` converts to this value."""
        if isinstance(value, bool):
            return YES if value else NO
        if isinstance(value, tuple):
            return ",".join(map(self.format, value))
        if isinstance(value, float):
            short = f"{value:g}"
            return short if float(short) == value else repr(value)
        return str(value)


def _parse_numbers(text: str) -> tuple[float, ...]:
    return tuple(map(float, text.split(",")))


_CONVERSIONS: dict[type, tuple[Callable[[str], FieldValue], str]] = {
    bool: ({YES: True, NO: False}.__getitem__, f"{YES} or {NO}"),
    int: (int, "a whole number"),
    float: (float, "a number"),
    str: (str, "a string"),
    tuple: (_parse_numbers, "a number, or one for each channel, separated by commas"),
}
"""Maps the type of a field to a function that converts a string, and to a description of valid strings."""


@cache
def fields_of(struct: type[msgspec.Struct]) -> Mapping[str, Field]:
    """Return the described fields of a struct, keyed by name, in order. Fields without a description are left out."""
    hints = get_type_hints(struct, include_extras=True)
    found = (_field(each.name, hints[each.name], each.default) for each in msgspec.structs.fields(struct))
    return MappingProxyType({field.name: field for field in found if field is not None})


def _field(name: str, hint: object, default: Any) -> Field | None:
    if get_origin(hint) is not Annotated:
        return None
    kind, *metadata = get_args(hint)
    about = next((each for each in metadata if isinstance(each, About)), None)
    if about is None:
        return None
    default = None if default is msgspec.NODEFAULT else default
    if get_origin(kind) is Literal:
        return Field(name, str, about, get_args(kind), default)
    return Field(name, get_origin(kind) or kind, about, (), default)


def check_fields(struct: msgspec.Struct) -> None:
    """Check each described field on its own. Raises InvalidField for the first invalid one."""
    for field in fields_of(type(struct)).values():
        field.check(getattr(struct, field.name))


def option_name(field: str) -> str:
    """Return the option for a field, such as `--batch-size`."""
    return _OTHER_NAMES.get(field, f"--{field.replace('_', '-')}")
