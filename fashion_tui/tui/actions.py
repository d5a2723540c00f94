"""The registry of actions and their keys. The bindings, footer, help and palette are built from it."""

from dataclasses import dataclass
from typing import Literal, get_args

from rich.text import Text
from textual.binding import Binding, BindingType

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ACCENT, MUTED

PaneName = Literal["playground", "data", "model", "train", "evaluate"]
PANE_NAMES: tuple[PaneName, ...] = get_args(PaneName)


@dataclass(frozen=True, slots=True)
class Action:
    """An action that the user starts with a key or from the palette."""

    name: str
    """Name of the action. The method `action_NAME` of the pane or the app implements it."""
    keys: str
    """Names of keys as Textual spells them, separated by commas."""
    title: str
    """Description for the help dialog and the palette."""
    label: str = ""
    """One or two words for the footer. If empty, the action is not shown there."""
    shown_key: str = ""
    """The key as shown in the footer and the help dialog. If empty, the first of `keys` is shown."""
    priority: bool = False
    """Whether the key works inside editors too."""

    @property
    def key_text(self) -> str:
        return terminal_glyphs().key_names(self.shown_key or self.keys.split(",")[0])

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
    Action("help", "question_mark", "Keys of the current pane", "help", "?"),
    Action("help", "f1", "Keys of the current pane", "", priority=True),
    Action("quit", "q", "Quit; runs keep training", "quit"),
    Action("command_palette", "ctrl+p", "Search all commands", "commands", "^p", priority=True),
    Action("quit", "ctrl+q", "Quit; runs keep training", priority=True),
)

MOVING: tuple[Action, ...] = (
    Action("move(1, 0)", "right,l", "Move among the images", "move", "←↓↑→"),
    Action("move(-1, 0)", "left,h", "Move among the images", shown_key="hjkl"),
    Action("move(0, 1)", "down,j", "Move among the images", shown_key="hjkl"),
    Action("move(0, -1)", "up,k", "Move among the images", shown_key="hjkl"),
)
TURNING: tuple[Action, ...] = (
    Action("next_page", "space,pagedown", "Next page", "page", "space"),
    Action("previous_page", "pageup", "Previous page", shown_key="pgup"),
    Action("first_page", "home,g", "First page"),
    Action("last_page", "end,G", "Last page"),
)

IN_PANE: dict[PaneName, tuple[Action, ...]] = {
    "playground": (
        Action("run", "enter", "Run the input, or start a new line if it is incomplete", "run", "↵"),
        Action("complete", "tab", "Complete the name at the cursor"),
        Action("search", "ctrl+r", "Search the history", "search", "^r"),
        Action("docs", "ctrl+o", "Show signature and docstring of the name at the cursor", "docs", "^o"),
        Action("interrupt", "ctrl+c", "Interrupt the running code", shown_key="^c"),
        Action("lessons", "ctrl+t", "Open the lessons", "lessons", "^t"),
        Action("tensors", "ctrl+n", "List the live tensors", "tensors", "^n"),
        Action("graph", "ctrl+g", "Show the autograd graph of the tensor", "graph", "^g"),
        Action("reshape", "f8", "Try reshape, view, permute and more on a tensor"),
        Action("arithmetic", "f9", "Compute the output size of a convolution or pooling"),
        Action("backward", "B", "Call backward() on the graph's root", "backward"),
        Action("copy_result", "y", "Copy the selected cell's value or output", "copy"),
        Action("copy_code", "Y", "Copy the selected cell's code"),
        Action("save", "ctrl+s", "Save the session as a notebook or Python script", shown_key="^s"),
        Action("restart", "ctrl+x", "Restart the kernel", shown_key="^x"),
        Action("move(0, -1)", "up,k", "Select a cell of the transcript", shown_key="↑ k"),
        Action("move(0, 1)", "down,j", "Select a cell of the transcript", shown_key="↓ j"),
        Action("back", "escape", "Close the open view, or leave the prompt", shown_key="esc"),
        Action("copy_console_command", "J", "Copy the command that opens a console on this kernel"),
    ),
    "data": (
        *MOVING,
        Action("open", "enter", "Enlarge the image and show its pixel values", "enlarge", "↵"),
        *TURNING,
        Action("filter", "slash", "Show one class only", "filter", "/"),
        Action("other_split", "v", "Switch between training and test set", "train/test"),
        Action("download", "d", "Download Fashion-MNIST", "download"),
        Action("back", "escape", "Cancel the download, or show all classes", shown_key="esc"),
    ),
    "model": (
        Action("edit", "i", "Edit the source; the table updates as you type", "edit"),
        Action("save", "ctrl+s", "Save the source to a file", "save", "^s"),
        Action("train_this", "t", "Train this network", "train this"),
        Action("maps", "m", "Show the row's feature maps", "maps"),
        Action("other_run", "o", "Load the weights of a run", "other run"),
        Action("another_network", "a", "Open a built-in network, a file or a torchvision model", "network"),
        Action("measure", "b", "Time the forward and backward pass of each row", "time"),
        Action("fold", "enter", "Fold or unfold the module", "fold", "↵"),
        Action("move(1, 0)", "right,l", "Unfold the module, or show the next image's maps", shown_key="→ l"),
        Action("move(-1, 0)", "left,h", "Fold the module, or show the previous image's maps", shown_key="← h"),
        Action("next_page", "space,pagedown", "Show the next feature maps", "more maps", "space"),
        Action("revert", "z", "Undo all edits since the last save", "revert"),
        Action("back", "escape", "Close the feature maps, or leave the editor", shown_key="esc"),
    ),
    "train": (
        Action("new_run", "n", "Start a new run", "new run"),
        Action("pause", "p", "Pause or resume the run", "pause"),
        Action("stop", "s", "Stop the run; it can be resumed", "stop"),
        Action("checkpoint", "c", "Write a checkpoint now", "checkpoint"),
        Action("resume", "r", "Resume a stopped, failed or lost run", "resume"),
        Action("prune", "x", "Delete old checkpoints of ended runs"),
        Action("evaluate", "e", "Evaluate the run on the test set", "evaluate"),
    ),
    "evaluate": (
        Action("next_view", "tab", "Next view: metrics, confusion matrix, images", "view"),
        Action("previous_view", "shift+tab", "Previous view", shown_key="⇧tab"),
        Action("other_run", "o", "Choose another run", "other run"),
        Action("evaluate", "e", "Evaluate the run again"),
        Action("wrong_only", "w", "Show wrong predictions only, or all", "wrong/all"),
        Action("filter", "slash", "Show one class only", "filter", "/"),
        *MOVING,
        Action("open", "enter", "Enlarge the image and show its probabilities", "enlarge", "↵"),
        *TURNING,
        Action("back", "escape", "Cancel the evaluation, or show all classes", shown_key="esc"),
    ),
}

IN_TENSORS: tuple[Action, ...] = (
    Action("open", "enter", "Show the tensor's histogram, values and strides", "open", "↵"),
)
IN_TENSOR: tuple[Action, ...] = (
    Action("move(1, 0)", "right,l", "Move among the values", "move", "←↓↑→"),
    Action("move(-1, 0)", "left,h", "Move among the values", shown_key="hjkl"),
    Action("move(0, 1)", "down,j", "Move among the values", shown_key="hjkl"),
    Action("move(0, -1)", "up,k", "Move among the values", shown_key="hjkl"),
    Action("turn(1)", "space,pagedown", "Next slice of a tensor with more than two axes", "slice", "space"),
    Action("turn(-1)", "pageup", "Previous slice", shown_key="pgup"),
)
IN_GRAPH: tuple[Action, ...] = (
    Action("open", "enter", "Show the tensor that the node computed", "open", "↵"),
    Action("move(1)", "right,l", "Unfold the node's inputs", shown_key="→ l"),
    Action("move(-1)", "left,h", "Fold the node's inputs", shown_key="← h"),
)
IN_LESSONS: tuple[Action, ...] = (
    Action("enter", "enter", "Open the lesson, run its cell, or go to the next step", "run, next", "↵"),
    Action("turn(1)", "right,l", "Next step", shown_key="→ l"),
    Action("turn(-1)", "left,h", "Previous step", "steps", "← →"),
    Action("edit", "i", "Copy the cell into the prompt", "edit"),
)
_FIELDS: tuple[Action, ...] = (
    Action("field(1)", "tab", "Next field", "field"),
    Action("field(-1)", "shift+tab", "Previous field", shown_key="⇧tab"),
)
IN_RESHAPING: tuple[Action, ...] = (
    Action("propose", "enter", "Copy the code into the prompt", "to the prompt", "↵", priority=True),
    Action("operation(1)", "down", "Next operation", "operation", "↑↓", priority=True),
    Action("operation(-1)", "up", "Previous operation", shown_key="↑", priority=True),
    *_FIELDS,
)
IN_ARITHMETIC: tuple[Action, ...] = (
    Action("step(1)", "up", "Increase the value", "change", "↑↓", priority=True),
    Action("step(-1)", "down", "Decrease the value", shown_key="↓", priority=True),
    *_FIELDS,
)
IN_VIEW: dict[PaneName, dict[str, tuple[Action, ...]]] = {
    "playground": {
        "Tensors": IN_TENSORS,
        "One tensor": IN_TENSOR,
        "Autograd graph": IN_GRAPH,
        "Lessons": IN_LESSONS,
        "Reshape": IN_RESHAPING,
        "Convolution arithmetic": IN_ARITHMETIC,
    },
}
"""Actions of the views inside a pane. They are available in addition to the pane's own actions."""


def bindings(actions: tuple[Action, ...]) -> list[BindingType]:
    """Return the BINDINGS for a widget or the app."""
    return [action.binding() for action in actions]


def key_hints(*hints: tuple[str, str]) -> Text:
    """Return a line of keys and their labels, such as `enter save   esc cancel`."""
    glyphs = terminal_glyphs()
    parts = (Text.assemble((glyphs.key_names(key), ACCENT), (f" {label}", MUTED)) for key, label in hints)
    return Text("   ", no_wrap=True).join(parts)
