"""Apply the user's key settings to the actions, and generate the settings file's section of default keys."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from textual.binding import Binding
from textual.keys import KEY_TO_UNICODE_NAME, REPLACED_KEYS, Keys
from textual.widgets import TextArea

from fashion_tui.schema.text import one_line
from fashion_tui.settings import MAX_PROBLEM

from .action import Action

Groups = dict[str, tuple[Action, ...]]
"""Actions by group. The actions in `everywhere` are available together with those of the current pane."""

Override = tuple[str, str]
"""Identifies the action whose keys are overridden, by its group and id."""

PANES = ("playground", "data", "model", "train", "evaluate")

_INPUT_NAMES = frozenset({"space", "comma"} | KEY_TO_UNICODE_NAME.keys() | REPLACED_KEYS.keys())
_KEY_NAMES = frozenset(key.value for key in Keys if not key.value.startswith("<")) | _INPUT_NAMES
_MODIFIERS = frozenset({"ctrl", "shift", "alt", "super", "hyper", "meta"})

_SAME_KEYS = {
    "ctrl+h": "backspace", "ctrl+i": "tab", "ctrl+m": "enter", "ctrl+[": "escape",
    "ctrl+left_square_bracket": "escape",
}  # fmt: skip
"""Maps each key that terminals report as a different key to that other key."""

_EDITING_KEYS = frozenset(binding.key for binding in Binding.make_bindings(TextArea.BINDINGS))
"""Keys that move the cursor or change the text in an editor."""

_GROUPS_WITH_INPUT = frozenset({"playground", "reshape", "arithmetic"})
"""Groups whose actions are used while an editor has the focus."""

_SHOWN = {
    "enter": "↵", "escape": "esc", "question_mark": "?", "slash": "/", "up": "↑", "down": "↓", "left": "←",
    "right": "→", "shift+tab": "⇧tab", "pageup": "pgup", "pagedown": "pgdn",
}  # fmt: skip


def apply_key_settings(groups: Groups, settings: Mapping[str, Mapping[str, str]]) -> tuple[Groups, tuple[str, ...]]:
    """Return the groups with the user's keys, and a one-line message for each invalid setting, which is ignored."""
    problems: list[str] = []
    overrides: dict[Override, tuple[str, ...]] = {}
    for group, actions in settings.items():
        for action, value in actions.items():
            keys = tuple(key.strip() for key in value.split(","))
            problem = _find_problem(groups, group, action, keys)
            if problem is None:
                overrides[group, action] = keys
            else:
                end = "; the default is used"
                problems.append(one_line(f"[keys.{group}] {action}: {problem}", MAX_PROBLEM - len(end)) + end)
    while True:
        changed = _with_keys(groups, overrides)
        clash = next((clash for clash in _clashes(changed) if not overrides.keys().isdisjoint(clash[1:])), None)
        if clash is None:
            return changed, tuple(problems)
        key, first, second = clash
        ignored = second if second in overrides else first
        other = first if ignored == second else second
        del overrides[ignored]
        problems.append(
            f"[keys.{ignored[0]}] {ignored[1]}: {key} is also a key of {other[0]}.{other[1]}; the default is used"
        )


def changed_keys(defaults: Groups, groups: Groups) -> dict[str, dict[str, str]]:
    """Return the keys that differ from the default keys, by group and action."""
    changed = {}
    for group, actions in groups.items():
        before, after = _keys_by_action(defaults[group]), _keys_by_action(actions)
        if different := {action: ",".join(keys) for action, keys in after.items() if keys != before[action]}:
            changed[group] = different
    return changed


def _keys_by_action(actions: tuple[Action, ...]) -> dict[str, list[str]]:
    keys: dict[str, list[str]] = {}
    for action in actions:
        keys.setdefault(action.id, []).append(action.keys)
    return keys


def default_key_settings(groups: Groups) -> str:
    """Return the keys section of a settings file, which lists all default keys, commented out."""
    lines = ['# Keys. Several keys of an action are separated by commas, as in: pause = "p,ctrl+j"']
    for group, actions in groups.items():
        lines += ["", f"[keys.{group}]"]
        titles = {action.id: action.title for action in actions}
        lines += [f'# {name} = "{",".join(keys)}"  # {titles[name]}' for name, keys in _keys_by_action(actions).items()]
    return "\n".join(lines) + "\n"


def _find_problem(groups: Groups, group: str, action: str, keys: tuple[str, ...]) -> str | None:
    if group not in groups:
        return f"unknown group {group!r}; choose from {', '.join(groups)}"
    ids = dict.fromkeys(action.id for action in groups[group])
    if action not in ids:
        return f"unknown action; choose from {', '.join(ids)}"
    problem = next(filter(None, map(_find_problem_of_key, keys)), None)
    entries = [entry for entry in groups[group] if entry.id == action]
    if problem is None and _is_used_while_typing(group, entries):
        typed = next((key for key in keys if is_input(key)), None)
        problem = typed and f"{typed} would be typed as input; choose a key like f10 or ctrl+b"
        if problem is None and not all(entry.priority for entry in entries):
            used = {key for entry in groups[group] for key in entry.keys.split(",")}
            edits = next((key for key in keys if key in _EDITING_KEYS - used), None)
            problem = edits and f"{edits} edits the text; choose a key like f10 or ctrl+b"
    return problem


def _find_problem_of_key(key: str) -> str | None:
    """Return why this key can't be used for any action, or None if it can."""
    if not _is_key(key):
        return f"{key!r} is not a key; write keys like p, f7, ctrl+t, escape or shift+tab"
    if same := _SAME_KEYS.get(key):
        return f"{key} is the same key as {same} in a terminal"
    *modifiers, name = key.split("+")
    if len(name) == 1 and name.isupper() and "ctrl" in modifiers:
        return f"terminals don't distinguish {key} from {key.lower()}; write {key.lower()}"
    if len(name) == 1 and modifiers == ["shift"]:
        return f"terminals send {key} as {name.upper()}; write {name.upper()}"
    return None


def _is_key(key: str) -> bool:
    *modifiers, name = key.split("+") if len(key) > 1 else [key]
    return _MODIFIERS.issuperset(modifiers) and (name in _KEY_NAMES or (len(name) == 1 and name.isprintable()))


def is_input(key: str) -> bool:
    """Return whether an editor treats the key as input."""
    return len(key) == 1 or key in _INPUT_NAMES


def _is_used_while_typing(group: str, entries: list[Action]) -> bool:
    """Return whether the action must work inside editors, which rules out keys that type characters."""
    keys = [key for entry in entries for key in entry.keys.split(",")]
    return all(entry.priority for entry in entries) or (
        group in _GROUPS_WITH_INPUT and not any(is_input(key) for key in keys)
    )


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
    """Return a list that contains the action with its new keys, or an empty list if no keys are left for it.

    If `actions` has two entries for the action, one gets the keys that an editor would treat as input, and the other
    (with priority) gets the rest, which work even while an editor has the focus.
    """
    entries = [entry for entry in actions if entry.id == action.id]
    if len(entries) > 1:
        keys = tuple(key for key in keys if action.priority != is_input(key))
    if not keys:
        return []
    label = action.label or next((entry.label for entry in entries if entry.label), "")
    shown = " ".join(_shown(key) for key in keys)
    return [replace(action, keys=",".join(keys), shown_key=shown, footer_keys="", label=label)]


def _shown(key: str) -> str:
    return f"^{key.removeprefix('ctrl+')}" if key.startswith("ctrl+") else _SHOWN.get(key, key)


def _clashes(groups: Groups) -> Iterator[tuple[str, Override, Override]]:
    """Yield each key that two actions share, and the two actions, if both can be available at the same time.

    An action of a view may share a key with an action of the app, unless the app's key has priority.
    """
    priority = tuple(action for action in groups["everywhere"] if action.priority)
    for group, actions in groups.items():
        owners: dict[str, Override] = {}
        of_app = groups["everywhere"] if group in PANES else priority
        for name, available in (("everywhere", of_app), (group, actions)):
            for action in available:
                for binding in Binding.make_bindings([action.binding()]):
                    owner = owners.setdefault(binding.key, (name, action.id))
                    if owner != (name, action.id):
                        yield binding.key, owner, (name, action.id)
