"""Describe the whole command line as JSON, for scripts, editors and documentation."""

import re
from typing import Any

import click

from fashion_tui import __version__

EXIT_STATUSES = {0: "done", 1: "failed, with a one-line reason on stderr", 2: "wrong usage", 130: "interrupted"}

_DEFAULT = re.compile(r" *\[default: (.*)\]$")
"""Matches the default value at the end of a help text, such as `[default: 3]`."""


def command_line_spec(context: click.Context) -> dict[str, Any]:
    """Return all commands and options of the program. `context` is the click context of the main command."""
    group = context.command
    assert isinstance(group, click.Group)  # noqa: S101
    commands = [(name, group.get_command(context, name)) for name in group.list_commands(context)]
    return {
        "program": context.info_name,
        "version": __version__,
        "exit_statuses": {str(status): meaning for status, meaning in EXIT_STATUSES.items()},
        "options": _options(group, context),
        "commands": [_command(name, command, context) for name, command in commands if command is not None],
    }


def _command(name: str, command: click.Command, parent: click.Context) -> dict[str, Any]:
    context = click.Context(command, parent, name)
    arguments = [parameter for parameter in command.params if isinstance(parameter, click.Argument)]
    return {
        "name": name,
        "summary": command.get_short_help_str(limit=200),
        "usage": " ".join(command.collect_usage_pieces(context)),
        "arguments": [
            {"name": argument.metavar or (argument.name or "").upper(), **_value(argument, context)}
            for argument in arguments
        ],
        "options": _options(command, context),
    }


def _options(command: click.Command, context: click.Context) -> list[dict[str, Any]]:
    parameters = command.get_params(context)
    return [_option(option, context) for option in parameters if isinstance(option, click.Option)]


def _option(option: click.Option, context: click.Context) -> dict[str, Any]:
    text = option.help or ""
    described = _DEFAULT.search(text)
    return {
        "flags": [*option.opts, *option.secondary_opts],
        "help": text[: described.start()] if described else text,
        "is_flag": option.is_flag,
        **_value(option, context),
        "default_description": described[1] if described else getattr(option, "default_description", None),
    }


def _value(parameter: click.Parameter, context: click.Context) -> dict[str, Any]:
    """Return the type, the suggested values and the default of a parameter."""
    kind = parameter.type
    values = getattr(kind, "values", None) or getattr(kind, "choices", None)
    default = parameter.get_default(context)
    return {
        "type": kind.name,
        "metavar": parameter.metavar,
        "values": None if values is None else [str(value) for value in values],
        "default": default if isinstance(default, str | int | float | bool) else None,
        "required": parameter.required,
        "multiple": parameter.multiple if isinstance(parameter, click.Option) else parameter.nargs != 1,
    }
