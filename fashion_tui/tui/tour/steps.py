"""The steps of the tour: their instructions, and the conditions under which they are done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from fashion_tui.schema.run import RunSummary, State
from fashion_tui.schema.tensors import TensorList, TensorRow
from fashion_tui.tui.actions import spelled_key
from fashion_tui.tui.pane_actions import PaneName

Place = Literal[
    "prompt", "transcript", "graph", "lessons", "view",
    "data",
    "shapes", "source",
    "train", "run form",
    "evaluate", "images", "image",
    "dialog",
]  # fmt: skip
"""The dialog or the part of a pane that receives the next key.

`view` is any other view of the Playground, and `dialog` any other dialog.
"""

DIALOGS: frozenset[Place] = frozenset({"run form", "image", "dialog"})


@dataclass(frozen=True, slots=True)
class Seen:
    """A snapshot of the parts of the app's state that the tour needs."""

    pane: PaneName
    place: Place
    takes_digits: bool
    """Whether the focused widget takes digits as input. If so, only function keys choose a pane."""
    tensors: TensorList
    """The tensors in the kernel. This is a new object after each cell."""
    has_shapes: bool
    """Whether the Model pane shows the shapes of a network."""
    shapes_fit: bool
    """Whether the network in the Model pane runs without an error."""
    shapes_clash: bool
    """Whether the network in the Model pane fails at one of its layers or functions."""
    runs: tuple[RunSummary, ...]
    charted: State | None
    """State of the newest run, or None if the Train pane doesn't show a chart of that run's loss."""
    is_evaluated: bool
    """Whether the Evaluate pane shows the evaluation of a run."""


Condition = Callable[[Seen, Seen], bool]
"""Takes two states of the app: the one when the step began, and the current one. Returns whether the step is done."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the tour. In its text, `**…**` marks keys to press, and `` `…` `` marks code to type."""

    id: str
    chapter: str
    pane: PaneName
    """The pane in which the step happens."""
    hints: Mapping[Place, str]
    """Instructions, keyed by the place that receives the next key press. Other places have a default instruction."""
    is_done: Condition
    """Returns whether the step is done. It is called only while the step's pane is in front."""
    outcome: str
    """Explanation that is shown when the step is done."""


def instruction(step: Step, seen: Seen) -> str:
    """Return the current instruction. The keys that it names work when pressed in the given order."""
    if (hint := step.hints.get(seen.place)) is not None:
        return hint
    if seen.place in DIALOGS:
        return "Press **esc** to close the dialog."
    pane_key = key("everywhere", step.pane, inside_editors=seen.takes_digits)
    return f"Press {pane_key} to go to {step.pane.capitalize()}."


def key(group: str, action: str, *, inside_editors: bool = False) -> str:
    """Return the key of an action, spelled out and marked as a key: `**ctrl+g**`, `**enter**`."""
    return f"**{spelled_key(group, action, inside_editors=inside_editors)}**"


def chapters() -> tuple[str, ...]:
    return tuple(dict.fromkeys(step.chapter for step in STEPS))


def first_of_chapter(step_id: str) -> int:
    """Return the index of the first step in the chapter that contains this step, or 0 if the id is unknown."""
    chapter = next((step.chapter for step in STEPS if step.id == step_id), STEPS[0].chapter)
    return next(index for index, step in enumerate(STEPS) if step.chapter == chapter)


def _has_new(row: Callable[[TensorRow], bool]) -> Condition:
    """Return a condition: a cell has run since the step began, and `row` returns True for at least one tensor."""
    return lambda before, now: now.tensors is not before.tensors and any(map(row, now.tensors.rows))


def _at(place: Place) -> Condition:
    return lambda _before, now: now.place == place


def _has_new_run(before: Seen, now: Seen) -> bool:
    return bool({run.run for run in now.runs} - {run.run for run in before.runs})


def _to_type(code: str, text: str) -> dict[Place, str]:
    """Return the instructions for a step in which the user types code at the prompt."""
    return {
        "prompt": text.format(f"`{code}`"),
        "transcript": f"Press {key('playground', 'run')} to go to the prompt.",
        **dict.fromkeys(("graph", "lessons", "view"), "Press **esc** to go back to the prompt."),
    }


def _in_playground(text: str) -> dict[Place, str]:
    return dict.fromkeys(("prompt", "transcript", "graph", "lessons", "view"), text)


INTRODUCTION = "Five chapters. You press the keys, and each step is ticked off when done."

_HELP = key("everywhere", "help", inside_editors=True)

CLOSING = (
    f"{key('lessons', 'enter')} opens the lesson, {_HELP} shows a pane's keys, "
    f"{key('everywhere', 'command_palette')} finds everything."
)

_AUTOGRAD = "A tensor and its gradient"
_SHAPES = "The shapes of a network"
_TRAINING = "A run"
_MISTAKES = "Its worst mistakes"
_LESSONS = "The lessons"

STEPS: tuple[Step, ...] = (
    Step(
        "tensor",
        _AUTOGRAD,
        "playground",
        _to_type("x = torch.tensor(3.0, requires_grad=True)", "Type {} and press **enter**."),
        _has_new(lambda row: row.kind == "tensor" and row.origin == "leaf"),
        "x is a tensor, and autograd records what you compute with it.",
    ),
    Step(
        "result",
        _AUTOGRAD,
        "playground",
        _to_type("y = x * x", "Now compute with it: type {} and press **enter**."),
        _has_new(lambda row: row.requires_grad and row.origin != "leaf"),
        "y is a tensor that knows which operation computed it.",
    ),
    Step(
        "graph",
        _AUTOGRAD,
        "playground",
        _in_playground(f"Press {key('playground', 'graph')} to see how y was computed."),
        _at("graph"),
        "This is the autograd graph: it leads from the result y back to x.",
    ),
    Step(
        "backward",
        _AUTOGRAD,
        "playground",
        _in_playground(f"Press {key('playground', 'graph')} to go back to the graph.")
        | {"graph": f"Press {key('playground', 'backward')} to call y.backward(), which computes the gradient."},
        _has_new(lambda row: row.kind == "tensor" and row.origin == "leaf" and row.has_grad),
        "x.grad is the gradient, the slope of y at x. Training relies on gradients.",
    ),
    Step(
        "shapes",
        _SHAPES,
        "model",
        {"shapes": "The network is being traced."},
        lambda _before, now: now.has_shapes,
        "Each row is a layer or a function, with the shape of its output.",
    ),
    Step(
        "source",
        _SHAPES,
        "model",
        {"shapes": f"Press {key('model', 'edit')} to open the source of the network."},
        _at("source"),
        "The source is checked as you type.",
    ),
    Step(
        "break",
        _SHAPES,
        "model",
        {
            "shapes": f"Press {key('model', 'edit')} to go back to the source.",
            "source": "Break it: go **down** to the line `x = x.flatten(start_dim=1)` and type `#` there.",
        },
        lambda _before, now: now.shapes_clash,
        "The shapes no longer fit. The line below the source explains where and why.",
    ),
    Step(
        "repair",
        _SHAPES,
        "model",
        {
            "shapes": f"Press {key('model', 'edit')} to go back to the source.",
            "source": "Press **ctrl+z** until the edit is undone.",
        },
        lambda _before, now: now.shapes_fit,
        "The shapes fit again. Edits are written to a file only when you save them.",
    ),
    Step(
        "form",
        _TRAINING,
        "train",
        {"train": f"Press {key('train', 'new_run')} to open the form for a new run."},
        lambda before, now: now.place == "run form" or _has_new_run(before, now),
        "The form holds the settings of a run.",
    ),
    Step(
        "run",
        _TRAINING,
        "train",
        {
            "run form": "Press **up** to reach the recipe, **right** until it is quick, then **enter**.",
            "train": f"The run is starting. If you left the form instead, press {key('train', 'new_run')}.",
        },
        _has_new_run,
        "The run trains in its own process: it continues when you quit the app.",
    ),
    Step(
        "chart",
        _TRAINING,
        "train",
        {"train": f"Watch the loss fall until the run ends. If it fails, press {key('train', 'new_run')} again."},
        lambda _before, now: now.charted in {"finished", "stopped"},
        "The run has ended, and the chart shows its loss at every step.",
    ),
    Step(
        "evaluate",
        _MISTAKES,
        "evaluate",
        {
            "train": f"Press {key('train', 'evaluate')} to evaluate the run on images that it has never seen.",
            "evaluate": "The run is being evaluated on images that it has never seen.",
        },
        lambda _before, now: now.is_evaluated,
        "These are its metrics on the test images.",
    ),
    Step(
        "images",
        _MISTAKES,
        "evaluate",
        {"evaluate": f"Press {key('evaluate', 'next_view')} until you see images."},
        _at("images"),
        "These are the images that the network gets wrong, worst mistake first.",
    ),
    Step(
        "mistake",
        _MISTAKES,
        "evaluate",
        {
            "evaluate": f"Press {key('evaluate', 'next_view')} until you see images; "
            f"if there are none, {key('evaluate', 'wrong_only')} shows all.",
            "images": f"Press {key('evaluate', 'open')} to enlarge one.",
        },
        _at("image"),
        "The network's probabilities are shown beside the image.",
    ),
    Step(
        "lessons",
        _LESSONS,
        "playground",
        _in_playground(f"Press {key('playground', 'lessons')} to open the lessons."),
        _at("lessons"),
        "Each lesson explains a topic step by step, and its code runs in your kernel.",
    ),
)
