"""Suggest the option or command that is most similar to an unknown one."""

import difflib
import re

import click

MIN_SIMILARITY = 0.75
"""Minimum similarity of a suggestion, on `difflib`'s scale from 0 to 1."""

_UNKNOWN_COMMAND = re.compile(r"No such command '(.*)'", re.DOTALL)


def suggestion_for(error: click.ClickException) -> str | None:
    """Return the option or command most similar to the unknown one, or None if all of them are too different."""
    context = getattr(error, "ctx", None)
    if not isinstance(context, click.Context):
        return None
    if isinstance(error, click.NoSuchOption):
        return nearest(error.option_name.lstrip("-"), _options(context))
    # Parse the message, because click 8.1 has no exception class for unknown commands.
    unknown = _UNKNOWN_COMMAND.match(error.message)
    if unknown is not None and isinstance(context.command, click.Group):
        return nearest(unknown[1], {name: name for name in context.command.list_commands(context)})
    return None


def _options(context: click.Context) -> dict[str, str]:
    """Return the long options of a command. Each option can be looked up by its own name or its parameter's name."""
    options: dict[str, str] = {}
    for parameter in context.command.get_params(context):
        spellings = [spelling for spelling in parameter.opts if spelling.startswith("--")]
        for spelling in spellings:
            options[spelling.removeprefix("--")] = spelling
        if spellings and parameter.name is not None:
            options.setdefault(parameter.name.replace("_", "-"), spellings[0])
    return options


def nearest(name: str, candidates: dict[str, str]) -> str | None:
    """Return the value of the key that begins with `name` or is most similar to it, or None."""
    completions = {meaning for candidate, meaning in candidates.items() if candidate.startswith(name)}
    if len(name) > 1 and len(completions) == 1:
        return completions.pop()
    similar = difflib.get_close_matches(name, candidates, n=1, cutoff=MIN_SIMILARITY)
    return candidates[similar[0]] if similar else None
