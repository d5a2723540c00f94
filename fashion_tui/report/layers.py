"""Describe the problems of a run's layers in words."""

from fashion_tui.runs.layers import TYPICAL_UPDATE, LayerProblem

from .formatting import shorten
from .glyphs import Glyphs

MAX_NAMED = 3
"""Maximum number of layers to name. The others are counted."""
MAX_NAME = 32
"""Maximum length of a layer's name. Longer names are cut in the middle."""


def problem_text(problem: LayerProblem, glyphs: Glyphs) -> str:
    """Return a sentence such as `all ReLUs after conv2 and fc1 are dead; try a lower learning rate`."""
    layers, value = _layer_list(problem.layers, glyphs), problem.value
    match problem.kind:
        case "non-finite":
            return f"{layers} was the first layer with NaN or infinity, at step {value:,.0f}"
        case "dead ReLUs":
            share = "all" if value == 1 else f"up to {value:.0%} of the".replace("%", " %")
            return f"{share} ReLUs after {layers} are dead; try a lower learning rate"
        case "no gradient":
            have, learn = ("has", "learns") if len(problem.layers) == 1 else ("have", "learn")
            return f"{layers} {have} a gradient of 0 and {learn} nothing"
        case "large updates":
            return f"a step changes {layers} by up to {_percent(value)}; {_TYPICAL}; try a lower learning rate"
        case "small updates":
            return f"a step changes {layers} by at most {_percent(value)}; {_TYPICAL}; try a higher learning rate"


def _layer_list(layers: tuple[str, ...], glyphs: Glyphs) -> str:
    """Return `conv1`, `conv1 and conv2`, `conv1, conv2 and fc1` or `conv1, conv2 and 5 more layers`."""
    named = [shorten(layer, MAX_NAME, glyphs) for layer in layers[:MAX_NAMED]]
    if len(layers) > MAX_NAMED:
        named[-1] = f"{len(layers) - MAX_NAMED + 1} more layers"
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"


def _percent(log10: float) -> str:
    """Return 10 ** `log10` as a percentage."""
    return "more than 1,000 %" if log10 > 1 else f"{100 * 10**log10:.2g} %".replace("e-0", "e-")


_TYPICAL = f"about {_percent(TYPICAL_UPDATE)} is typical"
