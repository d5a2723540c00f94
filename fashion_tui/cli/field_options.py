"""Create options from the descriptions of fields, and list them in groups on the help page."""

from collections import defaultdict
from collections.abc import Callable, Collection
from typing import Any

import click
import msgspec

from fashion_tui.schema.fields import Field, fields_of, option_name

from .values import DEVICE, WEIGHTS, Named, Numbers

OTHER_OPTIONS = "Options"
"""Heading of the options that aren't created from a field."""

Command = Callable[..., Any]


class FieldOption(click.Option):
    """An option for a field. The help page lists it in the field's group."""

    def __init__(self, *arguments: Any, group: str, default_description: str | None = None, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.group = group
        self.default_description = default_description
        """Description of what is used if the option isn't given, or None if that is the option's default value."""


class GroupedCommand(click.Command):
    """A command whose help page lists the options created from fields last, in groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for parameter in self.get_params(ctx):
            if (record := parameter.get_help_record(ctx)) is not None:
                groups[_heading(parameter)].append(record)
        for heading in (OTHER_OPTIONS, *(each for each in groups if each != OTHER_OPTIONS)):
            with formatter.section(heading):
                formatter.write_dl(groups[heading])


def _heading(parameter: click.Parameter) -> str:
    if not isinstance(parameter, FieldOption):
        return OTHER_OPTIONS
    default = parameter.default_description
    return parameter.group if default is None else f"{parameter.group} (default: {default})"


def field_options(
    struct: type[msgspec.Struct], default_description: str | None = None, only: Collection[str] | None = None
) -> Callable[[Command], Command]:
    """Return a decorator that adds an option for each described field of a struct, or for those named in `only`.

    The value of an option that isn't given is the field's default or, if there is a `default_description`, None.
    """

    def add(command: Command) -> Command:
        fields = fields_of(struct)
        for field in reversed([fields[name] for name in fields if only is None or name in only]):
            command = _option(field, default_description)(command)
        return command

    return add


def _option(field: Field, default_description: str | None) -> Callable[[Command], Command]:
    name = option_name(field.name)
    attributes: dict[str, Any] = {"default": None if default_description is not None else field.default}
    if field.type is bool:
        name = f"{name}/--no-{name.removeprefix('--')}"
    else:
        attributes |= {"type": _value_type(field), "metavar": _metavar(field)}
        attributes["show_default"] = attributes["default"] is not None
    return click.option(
        name,
        field.name,
        cls=FieldOption,
        group=field.about.group,
        default_description=default_description,
        help=_help(field),
        **attributes,
    )


def _value_type(field: Field) -> Any:
    """Return the type to which click converts values. Commands check choices themselves, to give clearer messages."""
    if field.name == "device":
        return DEVICE
    if field.name == "weights":
        return WEIGHTS
    if field.type is tuple:
        return Numbers(field)
    return Named(field.choices) if field.choices else field.type


def _metavar(field: Field) -> str:
    if field.choices:
        return "NAME"
    return field.about.unit.upper() or {int: "N", float: "X", str: "NAME", tuple: "X[,X…]"}[field.type]


def _help(field: Field) -> str:
    text = f"{field.about.help[0].upper()}{field.about.help[1:]}"
    return f"{text} ({field.range})." if field.choices else f"{text}."
