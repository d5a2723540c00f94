"""The one registry of what a key does: bindings, footer, help and palette are all made from it."""

from dataclasses import dataclass
from typing import Literal, get_args

from textual.binding import Binding, BindingType

PaneName = Literal["playground", "data", "model", "train", "evaluate"]
PANE_NAMES: tuple[PaneName, ...] = get_args(PaneName)


@dataclass(frozen=True, slots=True)
class Action:
    """A thing that a person can do, by key or from the palette."""

    name: str
    """The method `action_NAME` of the pane, or of the app, carries it out."""
    keys: str
    """As Textual names them, separated by commas."""
    title: str
    """What it does, for help and palette."""
    label: str = ""
    """One or two words for the footer; empty: not shown there."""
    shown_key: str = ""
    """The key as footer and help write it; empty: as it is."""
    priority: bool = False
    """Works inside editors too."""

    @property
    def key_text(self) -> str:
        return self.shown_key or self.keys.split(",")[0]

    def binding(self) -> Binding:
        return Binding(
            self.keys,
            self.name,
            self.label or self.title,
            show=bool(self.label),
            key_display=self.key_text,
            priority=self.priority,
            tooltip=self.title,
        )


def _choose_pane(number: int, name: PaneName) -> tuple[Action, Action]:
    title = f"Go to {name.capitalize()}"
    return (
        Action(f"choose_pane('{name}')", str(number), title, shown_key=f"{number} f{number + 1}"),
        Action(f"choose_pane('{name}')", f"f{number + 1}", title, priority=True),
    )


EVERYWHERE: tuple[Action, ...] = (
    *(action for number, name in enumerate(PANE_NAMES, 1) for action in _choose_pane(number, name)),
    Action("help", "question_mark", "What the keys do here", "help", "?"),
    Action("help", "f1", "What the keys do here", "", priority=True),
    Action("leave", "q", "Leave; runs go on", "leave"),
    Action("command_palette", "ctrl+p", "Every command, by name", "commands", "^p", priority=True),
    Action("leave", "ctrl+q", "Leave; runs go on", priority=True),
)

MOVING: tuple[Action, ...] = (
    Action("move(1, 0)", "right,l", "Move among the pictures", "move", "←↓↑→"),
    Action("move(-1, 0)", "left,h", "Move among the pictures", shown_key="hjkl"),
    Action("move(0, 1)", "down,j", "Move among the pictures", shown_key="hjkl"),
    Action("move(0, -1)", "up,k", "Move among the pictures", shown_key="hjkl"),
)
TURNING: tuple[Action, ...] = (
    Action("next_page", "space,pagedown", "Next page of pictures", "page", "space"),
    Action("previous_page", "pageup", "Page before", shown_key="pgup"),
    Action("first_page", "home,g", "First page"),
    Action("last_page", "end,G", "Last page"),
)

ON_PANE: dict[PaneName, tuple[Action, ...]] = {
    "playground": (
        Action("run", "enter", "Run what is typed; where it isn't whole, a new line", "run", "↵"),
        Action("complete", "tab", "Complete the name at the cursor"),
        Action("search", "ctrl+r", "Search what was typed before", "search", "^r"),
        Action("docs", "ctrl+o", "Signature and docstring of the name at the cursor", "docs", "^o"),
        Action("interrupt", "ctrl+c", "Interrupt what is running", shown_key="^c"),
        Action("lessons", "ctrl+t", "Lessons, with cells to run", "lessons", "^t"),
        Action("tensors", "ctrl+n", "The tensors that are alive", "tensors", "^n"),
        Action("graph", "ctrl+g", "The autograd graph behind the tensor", "graph", "^g"),
        Action("reshape", "f8", "Try reshape, view, permute and others on a tensor"),
        Action("arithmetic", "f9", "The output size of a convolution or a pooling"),
        Action("backward", "B", "Run backward() on the graph that is shown", "backward"),
        Action("copy_result", "y", "Copy the chosen cell's value, or what it put out", "copy"),
        Action("copy_code", "Y", "Copy the chosen cell's code"),
        Action("save", "ctrl+s", "Save the session as a notebook or as Python", shown_key="^s"),
        Action("restart", "ctrl+x", "Restart the kernel, after asking", shown_key="^x"),
        Action("move(0, -1)", "up,k", "Choose a cell of the transcript", shown_key="↑ k"),
        Action("move(0, 1)", "down,j", "Choose a cell of the transcript", shown_key="↓ j"),
        Action("back", "escape", "Close what is open; from the prompt to the transcript", shown_key="esc"),
        Action("copy_console_command", "J", "Copy the command for a console on the same kernel"),
    ),
    "data": (
        *MOVING,
        Action("open", "enter", "Enlarge the picture, with its numbers", "enlarge", "↵"),
        *TURNING,
        Action("filter", "slash", "Show one class only", "filter", "/"),
        Action("other_split", "v", "Training pictures or test pictures", "train/test"),
        Action("download", "d", "Download the real Fashion-MNIST", "download"),
        Action("back", "escape", "Cancel the download, or show all classes again", shown_key="esc"),
    ),
    "model": (
        Action("edit", "i", "Edit the source; the table follows as you type", "edit"),
        Action("save", "ctrl+s", "Save the source to a file", "save", "^s"),
        Action("train_this", "t", "Train this network", "train this"),
        Action("maps", "m", "What a step makes of a test picture", "maps"),
        Action("other_run", "o", "Choose another run, whose weights are shown", "other run"),
        Action("another_network", "a", "Another network: ours, a file's or torchvision's", "network"),
        Action("measure", "b", "Measure the time of each step, forward and backward", "time"),
        Action("fold", "enter", "Fold a module that holds others, or unfold it", "fold", "↵"),
        Action("move(1, 0)", "right,l", "Unfold; on the maps, the next test picture", shown_key="→ l"),
        Action("move(-1, 0)", "left,h", "Fold; on the maps, the test picture before", shown_key="← h"),
        Action("next_page", "space,pagedown", "The next maps of the step", "more maps", "space"),
        Action("revert", "z", "Take back all edits since it was opened or saved", "revert"),
        Action("back", "escape", "Close the maps, or the editor; what was typed stays", shown_key="esc"),
    ),
    "train": (
        Action("new_run", "n", "Start a run: choose its recipe and values", "new run"),
        Action("pause", "p", "Pause the run, or let it go on", "pause"),
        Action("stop", "s", "Stop the run; it can be resumed", "stop"),
        Action("checkpoint", "c", "Write a checkpoint now", "checkpoint"),
        Action("resume", "r", "Resume a run that was stopped, failed or lost", "resume"),
        Action("prune", "x", "Remove older checkpoints of ended runs, after asking"),
        Action("evaluate", "e", "Evaluate the run on the test set", "evaluate"),
    ),
    "evaluate": (
        Action("next_view", "tab", "Figures, confusions, pictures: the next of them", "view"),
        Action("previous_view", "shift+tab", "The one before", shown_key="⇧tab"),
        Action("other_run", "o", "Choose another run", "other run"),
        Action("evaluate", "e", "Evaluate the run on the test set, anew"),
        Action("wrong_only", "w", "Wrong predictions only, or all", "wrong/all"),
        Action("filter", "slash", "Show one class only", "filter", "/"),
        *MOVING,
        Action("open", "enter", "Enlarge the picture, with its numbers", "enlarge", "↵"),
        *TURNING,
        Action("back", "escape", "Cancel the evaluation, or show all classes again", shown_key="esc"),
    ),
}

IN_TENSORS: tuple[Action, ...] = (
    Action("open", "enter", "Look inside the tensor: histogram, values, strides", "look inside", "↵"),
)
IN_TENSOR: tuple[Action, ...] = (
    Action("move(1, 0)", "right,l", "Move among the values", "move", "←↓↑→"),
    Action("move(-1, 0)", "left,h", "Move among the values", shown_key="hjkl"),
    Action("move(0, 1)", "down,j", "Move among the values", shown_key="hjkl"),
    Action("move(0, -1)", "up,k", "Move among the values", shown_key="hjkl"),
    Action("turn(1)", "space,pagedown", "The next slice, of more than two axes", "slice", "space"),
    Action("turn(-1)", "pageup", "The slice before", shown_key="pgup"),
)
IN_GRAPH: tuple[Action, ...] = (
    Action("open", "enter", "Look inside the tensor that the node made", "look inside", "↵"),
    Action("move(1)", "right,l", "Unfold what is behind the node", shown_key="→ l"),
    Action("move(-1)", "left,h", "Fold it", shown_key="← h"),
)
IN_LESSONS: tuple[Action, ...] = (
    Action("enter", "enter", "Open the lesson, run its cell, go on to the next", "run, next", "↵"),
    Action("turn(1)", "right,l", "The next step", shown_key="→ l"),
    Action("turn(-1)", "left,h", "The step before", "steps", "← →"),
    Action("edit", "i", "Put the cell into the prompt, to change it", "edit"),
)
_FIELDS: tuple[Action, ...] = (
    Action("field(1)", "tab", "The next field", "field"),
    Action("field(-1)", "shift+tab", "The field before", shown_key="⇧tab"),
)
IN_RESHAPING: tuple[Action, ...] = (
    Action("propose", "enter", "Put the code into the prompt", "to the prompt", "↵", priority=True),
    Action("operation(1)", "down", "The next operation", "operation", "↑↓", priority=True),
    Action("operation(-1)", "up", "The operation before", shown_key="↑", priority=True),
    *_FIELDS,
)
IN_ARITHMETIC: tuple[Action, ...] = (
    Action("step(1)", "up", "One more in the field", "±1", "↑↓", priority=True),
    Action("step(-1)", "down", "One less in the field", shown_key="↓", priority=True),
    *_FIELDS,
)
WITHIN: dict[PaneName, dict[str, tuple[Action, ...]]] = {
    "playground": {
        "the tensors": IN_TENSORS,
        "a tensor": IN_TENSOR,
        "the graph": IN_GRAPH,
        "the lessons": IN_LESSONS,
        "reshaping": IN_RESHAPING,
        "the arithmetic of windows": IN_ARITHMETIC,
    },
}
"""What keys do in the parts of a pane, beside what they do on all of it."""


def bindings(actions: tuple[Action, ...]) -> list[BindingType]:
    """For the BINDINGS of a widget or of the app."""
    return [action.binding() for action in actions]
