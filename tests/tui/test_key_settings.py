"""Keys from the settings file."""

import re
import tomllib

import pytest

from fashion_tui.tui.action import Action
from fashion_tui.tui.actions import DEFAULT_GROUPS
from fashion_tui.tui.key_settings import Groups, apply_key_settings, changed_keys, default_key_settings


def entries(groups: Groups, group: str, action: str) -> list[Action]:
    return [entry for entry in groups[group] if entry.id == action]


def test_the_default_file_lists_every_action_with_its_keys() -> None:
    lines = [line.removeprefix("# ") for line in default_key_settings(DEFAULT_GROUPS).splitlines()[1:]]
    keys = tomllib.loads("\n".join(lines))["keys"]
    groups, problems = apply_key_settings(DEFAULT_GROUPS, keys)
    assert problems == ()
    for name, actions in DEFAULT_GROUPS.items():
        assert [(action.name, action.keys, action.priority) for action in groups[name]] == [
            (action.name, action.keys, action.priority) for action in actions
        ]


def test_names_in_the_settings_file_are_words_and_belong_to_one_action() -> None:
    for actions in DEFAULT_GROUPS.values():
        names = {action.id: action.name for action in actions}
        assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in names)
        assert len(names) == len({action.name for action in actions})


def test_a_key_is_replaced_where_it_is_shown_too() -> None:
    groups, problems = apply_key_settings(DEFAULT_GROUPS, {"train": {"pause": "f10, K"}})
    assert problems == ()
    (pause,) = entries(groups, "train", "pause")
    assert (pause.keys, pause.key_text, pause.label) == ("f10,K", "f10 K", "pause")
    assert changed_keys(DEFAULT_GROUPS, groups) == {"train": {"pause": "f10,K"}}


def test_two_actions_can_exchange_their_keys() -> None:
    groups, problems = apply_key_settings(DEFAULT_GROUPS, {"train": {"pause": "s", "stop": "p"}})
    assert problems == ()
    assert entries(groups, "train", "stop")[0].keys == "p"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("Q", [("Q", False)]),
        ("ctrl+t", [("ctrl+t", True)]),
        ("x,f9", [("x", False), ("f9", True)]),
        ("minus", [("minus", False)]),
    ],
)
def test_only_keys_that_are_no_input_work_inside_editors(keys: str, expected: list[tuple[str, bool]]) -> None:
    groups, _ = apply_key_settings({**DEFAULT_GROUPS, "playground": (), "train": ()}, {"everywhere": {"quit": keys}})
    assert [(entry.keys, entry.priority) for entry in entries(groups, "everywhere", "quit")] == expected
    assert entries(groups, "everywhere", "quit")[0].label == "quit"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"train": {"pause": "nosuch"}}, "'nosuch'"),
        ({"train": {"pause": ""}}, "''"),
        ({"train": {"nosuch": "p"}}, "pause"),
        ({"nosuch": {"pause": "p"}}, "everywhere"),
        ({"train": {"pause": "s"}}, "train.stop"),
        ({"train": {"pause": "?"}}, "everywhere.help"),
        ({"everywhere": {"quit": "x"}}, "train.prune"),
        ({"train": {"pause": "ctrl+m"}}, "enter"),
        ({"train": {"pause": "ctrl+i"}}, "tab"),
        ({"train": {"pause": "ctrl+h"}}, "backspace"),
        ({"train": {"pause": "ctrl+["}}, "escape"),
        ({"train": {"pause": "f6,ctrl+T"}}, "write ctrl+t"),
        ({"train": {"pause": "shift+a"}}, "write A"),
        ({"train": {"pause": "control+t"}}, "'control+t'"),
        ({"train": {"pause": "<any>"}}, "'<any>'"),
        ({"playground": {"run": "r"}}, "typed"),
        ({"playground": {"lessons": "ctrl+e"}}, "edits"),
        ({"lessons": {"start_over": "f7"}}, "everywhere.tour"),
        ({"playground": {"search": "f6,slash"}}, "typed"),
        ({"playground": {"complete": "space"}}, "typed"),
        ({"reshape": {"next_field": "n"}}, "typed"),
        ({"everywhere": {"command_palette": "C"}}, "typed"),
    ],
)
def test_a_wrong_key_is_reported_and_the_default_holds(settings: dict[str, dict[str, str]], expected: str) -> None:
    groups, (problem,) = apply_key_settings(DEFAULT_GROUPS, settings)
    assert groups == DEFAULT_GROUPS
    assert expected in problem
    assert problem.endswith("the default is used")


@pytest.mark.parametrize("key", ["ctrl+j", "ctrl+up", "shift+f5", "alt+enter", "~", "J", "percent_sign"])
def test_keys_that_terminals_send_are_accepted(key: str) -> None:
    groups, problems = apply_key_settings(DEFAULT_GROUPS, {"train": {"pause": key}})
    assert problems == ()
    assert changed_keys(DEFAULT_GROUPS, groups) == {"train": {"pause": key}}


def test_playground_keys_that_are_not_used_while_typing_may_be_letters() -> None:
    settings = {"playground": {"copy_result": "c", "previous_cell": "up,p", "run": "f10"}}
    groups, problems = apply_key_settings(DEFAULT_GROUPS, settings)
    assert problems == ()
    assert changed_keys(DEFAULT_GROUPS, groups) == settings
