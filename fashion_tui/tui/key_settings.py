"""Apply the keys in the user's settings file to the actions, and write the default keys as a part of that file."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from textual.binding import Binding
from textual.keys import KEY_TO_UNICODE_NAME, REPLACED_KEYS, Keys

from fashion_tui.schema.text import one_line
from fashion_tui.settings import MAX_PROBLEM

from .action import Action

Groups = dict[str, tuple[Action, ...]]
"""Actions by group. The actions in `everywhere` are available together with those of the current pane."""

Override = tuple[str, str]
"""The group and the id of an action."""

PANES = ("playground", "data", "model", "train", "evaluate")

_KEY_NAMES = frozenset({key.value for key in Keys} | KEY_TO_UNICODE_NAME.keys() | REPLACED_KEYS.keys())

_SHOWN = {
    "enter": "↵", "escape": "esc", "question_mark": "?", "slash": "/", "up": "↑", "down": "↓", "left": "←",
    "right": "→", "shift+tab": "⇧tab", "pageup": "pgup", "pagedown": "pgdn",
}  # fmt: skip


def apply_key_settings(groups: Groups, settings: Mapping[str, Mapping[str, str]]) -> tuple[Groups, tuple[str, ...]]:
    """Return the groups with the user's keys, and one line for each setting that is wrong and was ignored."""
    problems: list[str] = []
    overrides: dict[Override, tuple[str, ...]] = {}
    for group, actions in settings.items():
        for action, value in actions.items():
            keys = tuple(key.strip() for key in value.split(","))
            problem = _find_problem(groups, group, action, keys)
            if problem is None:
                overrides[group, action] = keys
            else:
                problems.append(one_line(f"[keys.{group}] {action}: {problem}", MAX_PROBLEM))
    while True:
        changed = _with_keys(groups, overrides)
        clash = next((clash for clash in _clashes(changed) if not overrides.keys().isdisjoint(clash[1:])), None)
        if clash is None:
            return changed, tuple(problems)
        key, first, second = clash
        ignored = second if second in overrides else first
        other = first if ignored == second else second
        del overrides[ignored]
        problems.append(f"[keys.{ignored[0]}] {ignored[1]}: {key} is also a key of {other[0]}.{other[1]}")


def default_key_settings(groups: Groups) -> str:
    """Return the part of a settings file that contains the default keys, all commented out."""
    lines = ['# Keys. Several keys of an action are separated by commas, as in: pause = "p,ctrl+j"']
    for group, actions in groups.items():
        lines += ["", f"[keys.{group}]"]
        keys: dict[str, list[str]] = {}
        for action in actions:
            keys.setdefault(action.id, []).append(action.keys)
        titles = {action.id: action.title for action in actions}
        lines += [f'# {name} = "{",".join(several)}"  # {titles[name]}' for name, several in keys.items()]
    return "\n".join(lines) + "\n"


def _find_problem(groups: Groups, group: str, action: str, keys: tuple[str, ...]) -> str | None:
    if group not in groups:
        return f"unknown group {group!r}; choose from {', '.join(groups)}"
    ids = dict.fromkeys(action.id for action in groups[group])
    if action not in ids:
        return f"unknown action; choose from {', '.join(ids)}"
    wrong = next((key for key in keys if not _is_key(key)), None)
    return None if wrong is None else f"{wrong!r} is not a key; write keys like p, f7, ctrl+t, escape or shift+tab"


def _is_key(key: str) -> bool:
    name = key.rpartition("+")[2]
    return key in _KEY_NAMES or (name in _KEY_NAMES and key != name) or (len(name) == 1 and name.isprintable())


def _with_keys(groups: Groups, overrides: Mapping[Override, tuple[str, ...]]) -> Groups:
    result = {}
    for group, actions in groups.items():
        changed: list[Action] = []
        for action in actions:
            keys = overrides.get((group, action.id))
            changed += [action] if keys is None else _with_keys_of(action, actions, keys)
        result[group] = tuple(changed)
    return result


def _with_keys_of(action: Action, actions: tuple[Action, ...], keys: tuple[str, ...]) -> list[Action]:
    """Return the entry with those of the new keys that belong to it, or an empty list if none do.

    An action can have two entries: one for keys that editors take as input, and one for keys that work inside editors.
    """
    entries = [entry for entry in actions if entry.id == action.id]
    if len(entries) > 1:
        keys = tuple(key for key in keys if action.priority != (len(key) == 1 or key in KEY_TO_UNICODE_NAME))
    if not keys:
        return []
    label = action.label or next((entry.label for entry in entries if entry.label), "")
    shown = " ".join(_shown(key) for key in keys)
    return [replace(action, keys=",".join(keys), shown_key=shown, label=label)]


def _shown(key: str) -> str:
    return f"^{key.removeprefix('ctrl+')}" if key.startswith("ctrl+") else _SHOWN.get(key, key)


def _clashes(groups: Groups) -> Iterator[tuple[str, Override, Override]]:
    """Yield each key with two actions that are available together."""
    scopes = [("everywhere", pane) for pane in PANES] + [(group,) for group in groups if group not in PANES]
    for scope in scopes:
        owners: dict[str, Override] = {}
        for group in scope:
            for action in groups[group]:
                for binding in Binding.make_bindings([action.binding()]):
                    owner = owners.setdefault(binding.key, (group, action.id))
                    if owner != (group, action.id):
                        yield binding.key, owner, (group, action.id)
