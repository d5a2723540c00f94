"""The list of actions: each key does something, has one meaning, and is shown in the help."""

import importlib
import pkgutil

import pytest
from rich.console import Console
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Input, TextArea

import fashion_tui.tui
from fashion_tui.tui.action import Action
from fashion_tui.tui.actions import DEFAULT_GROUPS, EVERYWHERE, IN_PANE, with_keys
from fashion_tui.tui.app import FashionApp, make_pane
from fashion_tui.tui.dialogs.help import key_table
from fashion_tui.tui.pane import Pane
from fashion_tui.tui.pane_actions import PANE_NAMES, PaneName

EDITORS = (Input, TextArea)
RESERVED = {"ctrl+a", "ctrl+b", "ctrl+z"}
"""Keys that GNU screen, tmux and the shell's job control use."""


def _method(action: Action) -> str:
    return "action_" + action.name.split("(")[0]


def _keys(action: Action) -> set[str]:
    return set(action.keys.split(","))


def _bound_keys(bindings: list[BindingType]) -> set[str]:
    keys = (binding.key if isinstance(binding, Binding) else binding[0] for binding in bindings)
    return {key.strip() for several in keys for key in several.split(",")}


def _own_widgets() -> list[type[Widget]]:
    for module in pkgutil.walk_packages(fashion_tui.tui.__path__, "fashion_tui.tui."):
        importlib.import_module(module.name)
    found, unseen = [], [Widget]
    while unseen:
        subclasses = unseen.pop().__subclasses__()
        unseen += subclasses
        found += [widget for widget in subclasses if widget.__module__.startswith("fashion_tui.")]
    return found


@pytest.mark.parametrize("name", PANE_NAMES)
def test_every_action_of_a_pane_has_a_method_and_a_binding(name: PaneName) -> None:
    pane = type(make_pane(name))
    assert {action.name for action in IN_PANE[name] if not callable(getattr(pane, _method(action), None))} == set()
    bound = _bound_keys(pane.BINDINGS)
    assert {key for action in IN_PANE[name] for key in _keys(action)} <= bound


def test_every_action_of_the_app_has_a_method() -> None:
    assert {action.name for action in EVERYWHERE if not callable(getattr(FashionApp, _method(action), None))} == set()


def test_a_key_means_the_same_on_every_pane() -> None:
    """Exceptions are the usual editor keys and space, which marks runs in the list and turns pages of images.

    `fold` counts as `open`, since Enter does both.
    """
    exceptions = {("playground", "enter"), ("playground", "tab"), ("train", "space")}
    synonyms = {"fold": "open"}
    meanings: dict[str, set[str]] = {}
    for pane, actions in (("everywhere", EVERYWHERE), *IN_PANE.items()):
        for action in actions:
            for key in _keys(action):
                if (pane, key) not in exceptions:
                    meanings.setdefault(key, set()).add(synonyms.get(action.name, action.name))
    assert {key: names for key, names in meanings.items() if len(names) > 1} == {}


def test_an_action_has_the_same_keys_on_every_pane() -> None:
    keys: dict[str, set[frozenset[str]]] = {}
    for actions in IN_PANE.values():
        for action in actions:
            keys.setdefault(action.name, set()).add(frozenset(_keys(action)))
    assert {name: several for name, several in keys.items() if len(several) > 1} == {}


def test_reserved_keys_are_not_bound() -> None:
    actions = (*EVERYWHERE, *(action for actions in IN_PANE.values() for action in actions))
    assert {key for action in actions for key in _keys(action)} & RESERVED == set()
    assert _bound_keys(list(FashionApp.BINDINGS)) & RESERVED == set()
    widgets = [widget for widget in _own_widgets() if not issubclass(widget, EDITORS)]
    assert len(widgets) > len(PANE_NAMES)
    bound = {widget.__name__: _bound_keys(widget.__dict__.get("BINDINGS", [])) & RESERVED for widget in widgets}
    assert {name: keys for name, keys in bound.items() if keys} == {}


@pytest.mark.parametrize("name", PANE_NAMES)
def test_help_shows_every_key(name: PaneName) -> None:
    console = Console(width=70)
    with console.capture() as capture:
        console.print(key_table("here", IN_PANE[name]))
        console.print(key_table("everywhere", EVERYWHERE))
    lines = capture.get().splitlines()
    for action in (*IN_PANE[name], *EVERYWHERE):
        matching = [line for line in lines if action.title in line]
        assert len(matching) == 1, action
        assert set(action.key_text.split()) <= set(matching[0].split()), action


@pytest.mark.parametrize("name", PANE_NAMES)
def test_every_pane_has_a_help_text(name: PaneName) -> None:
    pane = make_pane(name)
    assert isinstance(pane, Pane)
    assert name == pane.PANE
    assert len(pane.HELP) > 50


@pytest.mark.parametrize("actions", DEFAULT_GROUPS.values(), ids=DEFAULT_GROUPS)
def test_the_help_shows_the_keys_of_each_action(actions: tuple[Action, ...]) -> None:
    titles: dict[str, str] = {}
    for action in actions:
        for key in action.key_text.split():
            assert titles.setdefault(key, action.title) == action.title


def test_a_text_names_the_key_of_each_action() -> None:
    assert with_keys("train", "{next_charts} {previous_charts}") == ". ,"
    assert with_keys("crosshair", "{zoom_in} {zoom_out}") == "↑ ↓"
