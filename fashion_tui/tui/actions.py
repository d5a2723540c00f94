"""The registry of actions and their keys. The bindings, footer, help and palette are built from it."""

from rich.text import Text
from textual.binding import BindingType

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ACCENT, MUTED
from fashion_tui.settings import user_settings

from . import pane_actions
from .action import Action
from .key_settings import Groups, apply_key_settings
from .pane_actions import PANE_NAMES, PaneName
from .view_actions import VIEW_GROUPS

DEFAULT_GROUPS: Groups = {
    "everywhere": pane_actions.EVERYWHERE,
    **{str(name): actions for name, actions in pane_actions.IN_PANE.items()},
    **VIEW_GROUPS,
}
GROUPS, KEY_PROBLEMS = apply_key_settings(DEFAULT_GROUPS, user_settings().keys)
"""The actions of each group with the user's keys, and a message for each invalid key setting."""

EVERYWHERE = GROUPS["everywhere"]
IN_PANE = {name: GROUPS[name] for name in PANE_NAMES}
IN_TENSORS, IN_TENSOR, IN_GRAPH = GROUPS["tensors"], GROUPS["tensor"], GROUPS["graph"]
IN_LESSONS, IN_RESHAPING, IN_ARITHMETIC = GROUPS["lessons"], GROUPS["reshape"], GROUPS["arithmetic"]
IN_CHART, IN_FULL_SCREEN = GROUPS["chart"], GROUPS["crosshair"]
IN_FORM, IN_IMAGE, IN_SET = GROUPS["form"], GROUPS["image"], GROUPS["set"]
IN_EXPLANATION, IN_ROBUSTNESS = GROUPS["explanation"], GROUPS["robustness"]
IN_COMPARISON = GROUPS["comparison"]
IN_AUDIT, IN_TRANSFORMS, IN_PREDICTION = GROUPS["audit"], GROUPS["transforms"], GROUPS["prediction"]
SHARED_BY_CHARTS = tuple(
    action
    for action in IN_PANE["train"]
    if action.name.split("(")[0] in {"turn_charts", "smooth", "next_x", "logarithmic_x", "next_y"}
)
"""Actions of the Train pane that are also available while a chart fills the screen."""

FULL_SCREEN_CHART = "Full-screen chart"
EXPLANATION, ROBUSTNESS, COMPARISON = "Explanation", "Robustness", "Comparison of predictions"
AUDIT = "Label audit"
TRANSFORMS = "Transforms"
PREDICTION = "Prediction"

IN_VIEW: dict[PaneName, dict[str, tuple[Action, ...]]] = {
    "playground": {
        "Tensors": IN_TENSORS,
        "One tensor": IN_TENSOR,
        "Autograd graph": IN_GRAPH,
        "Lessons": IN_LESSONS,
        "Reshape": IN_RESHAPING,
        "Convolution arithmetic": IN_ARITHMETIC,
    },
    "data": {
        "Enlarged image": IN_IMAGE,
        "Data set": IN_SET,
        AUDIT: IN_AUDIT,
        TRANSFORMS: IN_TRANSFORMS,
        PREDICTION: IN_PREDICTION,
    },
    "train": {"Form of a new run": IN_FORM, "Focused chart": IN_CHART, FULL_SCREEN_CHART: IN_FULL_SCREEN},
    "evaluate": {EXPLANATION: IN_EXPLANATION, ROBUSTNESS: IN_ROBUSTNESS, COMPARISON: IN_COMPARISON},
}
"""Actions of the views inside a pane. They are available in addition to the pane's own actions."""


def key_of(group: str, action: str, *, inside_editors: bool = False) -> str:
    """Return the first key of an action, as the footer shows it.

    If `inside_editors` is true, prefer a key that works inside editors. Otherwise, prefer a key that doesn't.
    """
    entries = sorted(
        (entry for entry in GROUPS[group] if entry.id == action), key=lambda entry: entry.priority != inside_editors
    )
    return entries[0].key_text.split(" ")[0]


def spelled_key(group: str, action: str, *, inside_editors: bool = False) -> str:
    """Return the first key of an action, spelled out for a sentence: `ctrl+s` for `^s`, `enter` for `↵`."""
    return key_of(group, action, inside_editors=inside_editors).replace("^", "ctrl+").replace("↵", "enter")


def with_keys(group: str, text: str) -> str:
    """Return the text with each `{ACTION}` replaced by the key of that action in the group."""
    return text.format_map({action.id: key_of(group, action.id) for action in GROUPS[group]})


def bindings(actions: tuple[Action, ...]) -> list[BindingType]:
    """Return the BINDINGS for a widget or the app."""
    return [action.binding() for action in actions]


def key_hints(*hints: tuple[str, str]) -> Text:
    """Return a line that lists keys and their labels, such as `enter save   esc cancel`."""
    glyphs = terminal_glyphs()
    parts = (Text.assemble((glyphs.key_names(key), ACCENT), (f" {label}", MUTED)) for key, label in hints)
    return Text("   ", no_wrap=True).join(parts)
