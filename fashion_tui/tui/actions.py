"""The registry of actions and their keys. The bindings, footer, help and palette are built from it."""

from typing import Literal, get_args

from rich.text import Text
from textual.binding import BindingType

from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ACCENT, MUTED
from fashion_tui.settings import user_settings

from .action import Action
from .key_settings import Groups, apply_key_settings

PaneName = Literal["playground", "data", "model", "train", "evaluate"]
PANE_NAMES: tuple[PaneName, ...] = get_args(PaneName)


def _choose_pane(number: int, name: PaneName) -> tuple[Action, Action]:
    title = f"Go to {name.capitalize()}"
    return (
        Action(f"choose_pane('{name}')", str(number), title, shown_key=f"{number} f{number + 1}", setting=name),
        Action(f"choose_pane('{name}')", f"f{number + 1}", title, priority=True, setting=name),
    )


EVERYWHERE: tuple[Action, ...] = (
    *(action for number, name in enumerate(PANE_NAMES, 1) for action in _choose_pane(number, name)),
    Action("help", "question_mark", "Keys of the current pane", "help", "?"),
    Action("help", "f1", "Keys of the current pane", "help", priority=True),
    Action("quit", "q", "Quit; runs keep training", "quit"),
    Action("command_palette", "ctrl+p", "Search all commands", "commands", "^p", priority=True),
    Action("quit", "ctrl+q", "Quit; runs keep training", priority=True),
    Action("tour", "f7", "Start or leave the two-minute tour", priority=True),
)

ONLY_IN_PALETTE: tuple[Action, ...] = (Action("start_tour_again", "", "Start the tour again from the beginning"),)
"""App actions that have no key."""

MOVING: tuple[Action, ...] = (
    Action("move(1, 0)", "right,l", "Move among the images", "move", "←↓↑→", setting="move_right"),
    Action("move(-1, 0)", "left,h", "Move among the images", shown_key="hjkl", setting="move_left"),
    Action("move(0, 1)", "down,j", "Move among the images", shown_key="hjkl", setting="move_down"),
    Action("move(0, -1)", "up,k", "Move among the images", shown_key="hjkl", setting="move_up"),
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
        Action("docs", "ctrl+o", "Show the documentation of the name at the cursor", "docs", "^o"),
        Action("interrupt", "ctrl+c", "Interrupt the running code", shown_key="^c"),
        Action("lessons", "ctrl+t", "Open the lessons", "lessons", "^t"),
        Action("tensors", "ctrl+n", "List the live tensors", "tensors", "^n"),
        Action(
            "graph",
            "ctrl+g",
            "Show the autograd graph of the tensor",
            "graph",
            "^g",
            keywords="gradients backpropagation",
        ),
        Action("reshape", "f8", "Try reshape, view, permute and more on a tensor"),
        Action("arithmetic", "f9", "Compute the output size of convolution and pooling"),
        Action("backward", "B", "Call backward() on the graph's root", "backward"),
        Action("copy_result", "y", "Copy the selected cell's value or output", "copy"),
        Action("copy_code", "Y", "Copy the selected cell's code"),
        Action("toggle_frames", "u", "Unfold or fold the library frames of all tracebacks"),
        Action(
            "save",
            "ctrl+s",
            "Save the session as a notebook or Python script",
            shown_key="^s",
            keywords="export ipynb file",
        ),
        Action("restart", "ctrl+x", "Restart the kernel", shown_key="^x"),
        Action("move(0, -1)", "up,k", "Select a cell in the transcript", shown_key="↑ k", setting="previous_cell"),
        Action("move(0, 1)", "down,j", "Select a cell in the transcript", shown_key="↓ j", setting="next_cell"),
        Action("back", "escape", "Close the open view, or leave the prompt", shown_key="esc"),
        Action("copy_console_command", "J", "Copy the command that opens a console on this kernel"),
    ),
    "data": (
        Action(
            "next_view",
            "tab",
            "Next view: images, data set",
            "view",
            keywords="classes statistics files checksum verify skipped",
        ),
        Action("previous_view", "shift+tab", "Previous view", shown_key="⇧tab"),
        *MOVING,
        Action(
            "open",
            "enter",
            "Enlarge the image and show its pixel values",
            "enlarge",
            "↵",
            keywords="nearest neighbours",
        ),
        *TURNING,
        Action("filter", "slash", "Show one class only, or go to an image by its index", "find", "/"),
        Action("other_split", "v", "Switch between the training set and the test set", "train/test"),
        Action("sort", "S", "Order the images by index, by class or randomly", "order"),
        Action("shuffle", "R", "Show the images in another random order", "shuffle"),
        Action(
            "transforms",
            "Z",
            "Show the transforms of the image in training",
            "transforms",
            keywords="augmentation flip crop recipe",
        ),
        Action("predict", "at", "Predict the class of an image file", "predict", "@"),
        Action(
            "audit",
            "E",
            "Find duplicate images and suspicious labels",
            "audit",
            keywords="marks mislabelled noise csv export",
        ),
        Action("download", "d", "Download the data set", "download"),
        Action("back", "escape", "Cancel, go back to the images, or show all classes", shown_key="esc"),
    ),
    "model": (
        Action("edit", "i", "Edit the source; the table updates as you type", "edit"),
        Action("save", "ctrl+s", "Save the source to a file", "save", "^s"),
        Action("go_to_error", "ctrl+l", "Go to the error; enter applies the fix", "error", "^l"),
        Action("train_this", "t", "Train this network", "train this"),
        Action("maps", "m", "Show the row's feature maps", "maps"),
        Action("other_run", "o", "Load the weights of a run", "other run"),
        Action(
            "another_network",
            "a",
            "Open a built-in network, a file or a library's model",
            "network",
            keywords="torchvision timm own",
        ),
        Action("measure", "b", "Time the forward and backward passes of each row", "time"),
        Action(
            "batch(0.5)",
            "less_than_sign",
            "Estimate the cost of training, then halve the batch",
            shown_key="<",
            setting="smaller_batch",
        ),
        Action(
            "batch(2)",
            "greater_than_sign",
            "Estimate the cost of training, then double the batch",
            "costs",
            ">",
            setting="larger_batch",
        ),
        Action("compare", "equals_sign", "Show the edited network beside the saved one", "compare", "="),
        Action("fold", "enter", "Fold or unfold the module", "fold", "↵"),
        Action(
            "move(1, 0)",
            "right,l",
            "Unfold the module, or show the next image's maps",
            shown_key="→ l",
            setting="move_right",
        ),
        Action(
            "move(-1, 0)",
            "left,h",
            "Fold the module, or show the previous image's maps",
            shown_key="← h",
            setting="move_left",
        ),
        Action("next_page", "space,pagedown", "Show the next feature maps", "more maps", "space"),
        Action("revert", "z", "Undo all edits since the last save", "revert"),
        Action("back", "escape", "Close the maps, comparison, editor or estimate", "close", "esc"),
    ),
    "train": (
        Action("new_run", "n", "Start a new run", "new run"),
        Action("pause", "p", "Pause or resume the run", "pause"),
        Action("stop", "s", "Stop the run; it can be resumed", "stop"),
        Action("checkpoint", "c", "Write a checkpoint now", "checkpoint"),
        Action("resume", "r", "Resume a stopped, failed or lost run", "resume"),
        Action(
            "move_in_queue(-1)",
            "shift+up",
            "Start a queued run earlier than others",
            "move in queue",
            "⇧↑",
            "⇧↑↓",
            setting="move_up_in_queue",
        ),
        Action(
            "move_in_queue(1)",
            "shift+down",
            "Start a queued run later than others",
            shown_key="⇧↓",
            setting="move_down_in_queue",
        ),
        Action("prune", "x", "Delete old checkpoints of ended runs", keywords="disk space"),
        Action("evaluate", "e", "Evaluate the run on the test set", "evaluate", keywords="accuracy"),
        Action("mark", "space", "Mark the run for comparison, or unmark it", "mark"),
        Action(
            "compare",
            "equals_sign",
            "Show what differs between the marked runs",
            "compare",
            "=",
            keywords="two settings",
        ),
        Action("back", "escape", "Back to the list; remove the filter, then the marks", "back", "esc"),
        Action("filter", "slash", "Filter the runs, as with runs --filter", "filter", "/"),
        Action(
            "full_screen",
            "F",
            "Show a chart in full screen, with a crosshair",
            "full screen",
            keywords="zoom save export png svg csv",
        ),
        Action("sort", "S", "Sort the runs by a setting or metric", "sort"),
        Action("columns", "C", "Choose the columns of the list", "columns"),
        Action("widen", "L", "Show the list alone, or beside the run", "list"),
        Action("repeat", "A", "Start a run with the run's settings and your changes"),
        Action("rename", "T", "Give the run, or all marked runs, a title"),
        Action("tag", "number_sign", "Change the tags of the run, or of all marked runs", shown_key="#"),
        Action("write_note", "N", "Write a note on the run"),
        Action("delete", "D,delete", "Delete the run, or all marked runs", shown_key="D"),
        Action("restore", "U", "Restore a deleted run"),
        Action("baseline", "P", "Pin the run as the baseline, or unpin it"),
        Action("turn_charts(1)", "full_stop", "Show the next charts", "charts", ".", ", .", setting="next_charts"),
        Action("turn_charts(-1)", "comma", "Show the previous charts", shown_key=",", setting="previous_charts"),
        Action("smooth(1)", "plus", "Smooth the curves more", shown_key="+", setting="smooth_more"),
        Action("smooth(-1)", "minus", "Smooth the curves less", shown_key="-", setting="smooth_less"),
        Action("smooth(0)", "0", "Show the curves unsmoothed", setting="smooth_off"),
        Action("next_x", "X", "Next x axis: planned run, so far, epochs, wall time"),
        Action("logarithmic_x", "H", "Toggle logarithmic x axes"),
        Action("next_y", "V", "Next scale of the y axes: default, linear, logarithmic"),
        Action(
            "chart_columns(1)",
            "right_square_bracket",
            "More charts side by side",
            shown_key="]",
            setting="more_columns",
        ),
        Action(
            "chart_columns(-1)",
            "left_square_bracket",
            "Fewer charts side by side",
            shown_key="[",
            setting="fewer_columns",
        ),
        Action("chart_rows(1)", "right_curly_bracket", "More rows of charts", shown_key="}", setting="more_rows"),
        Action("chart_rows(-1)", "left_curly_bracket", "Fewer rows of charts", shown_key="{", setting="fewer_rows"),
        Action("single_chart", "f", "Show one large chart, or all charts again"),
        Action("find_charts", "M", "Find charts by name"),
    ),
    "evaluate": (
        Action("next_view", "tab", "Next view: metrics, confusion matrix, images", "view"),
        Action("previous_view", "shift+tab", "Previous view", shown_key="⇧tab"),
        Action("open", "enter", "Show the cell's images, or enlarge the image", "enlarge", "↵"),
        *MOVING,
        Action("sort", "S", "Sort the images, or put similar classes together", "sort"),
        Action("normalise", "percent_sign", "Show counts or shares in the confusion matrix", "shares", "%"),
        Action(
            "wrong_only",
            "w",
            "Show only wrong predictions, or all predictions",
            "wrong/all",
            keywords="mistakes errors",
        ),
        Action("filter", "slash", "Show one true class, prediction or confusion only", "filter", "/"),
        Action(
            "why",
            "W",
            "Explain the prediction with heat maps",
            "why",
            keywords="saliency grad-cam gradcam occlusion attribution nearest neighbours feature explanation",
        ),
        Action("mark_label", "exclamation_mark", "Mark the image as mislabelled, or unmark it", "mislabelled", "!"),
        Action(
            "reliability", "I", "Show the reliability diagram, or the classes", "calibration", keywords="confidence ece"
        ),
        Action(
            "compare_baselines",
            "dollar_sign",
            "Compare the accuracy with that of simple models",
            "baselines",
            "$",
            keywords="verdict nearest neighbours logistic regression",
        ),
        Action("other_run", "o", "Choose another run", "other run"),
        Action("other_checkpoint", "O", "Choose another checkpoint of the run", "checkpoint"),
        Action("other_split", "v", "Switch between the test set and the held-out images", "held-out"),
        Action("evaluate", "e", "Evaluate the run again"),
        Action(
            "compare",
            "equals_sign",
            "Compare the predictions with those of another run",
            "compare",
            "=",
            keywords="two models mcnemar",
        ),
        Action(
            "robustness",
            "K",
            "Measure the accuracy on corrupted images",
            "robustness",
            keywords="noise blur rotation corruptions",
        ),
        Action("predict", "at", "Predict the class of an image file", "predict", "@"),
        Action(
            "save",
            "ctrl+s",
            "Save a report, the predictions or the network",
            "save",
            "^s",
            keywords="export csv html onnx safetensors",
        ),
        *TURNING,
        Action("back", "escape", "Cancel, go back to the matrix, or show all classes", shown_key="esc"),
    ),
}

IN_TENSORS: tuple[Action, ...] = (
    Action("open", "enter", "Show the tensor's histogram, values and strides", "open", "↵"),
)
IN_TENSOR: tuple[Action, ...] = (
    Action("move(1, 0)", "right,l", "Move among the values", "move", "←↓↑→", setting="move_right"),
    Action("move(-1, 0)", "left,h", "Move among the values", shown_key="hjkl", setting="move_left"),
    Action("move(0, 1)", "down,j", "Move among the values", shown_key="hjkl", setting="move_down"),
    Action("move(0, -1)", "up,k", "Move among the values", shown_key="hjkl", setting="move_up"),
    Action(
        "turn(1)",
        "space,pagedown",
        "Next slice of a tensor with more than two axes",
        "slice",
        "space",
        setting="next_slice",
    ),
    Action("turn(-1)", "pageup", "Previous slice", shown_key="pgup", setting="previous_slice"),
)
IN_GRAPH: tuple[Action, ...] = (
    Action("open", "enter", "Show the tensor that the node computed", "open", "↵"),
    Action("move(1)", "right,l", "Unfold the node's inputs", shown_key="→ l", setting="unfold"),
    Action("move(-1)", "left,h", "Fold the node's inputs", shown_key="← h", setting="fold"),
)
IN_LESSONS: tuple[Action, ...] = (
    Action("enter", "enter", "Open the lesson, run its cell, or go to the next step", "run, next", "↵"),
    Action("turn(1)", "right,l", "Next step", shown_key="→ l", setting="next_step"),
    Action("turn(-1)", "left,h", "Previous step", "steps", "← h", "← →", setting="previous_step"),
    Action("edit", "i", "Copy the cell into the prompt", "edit"),
    Action("start_over", "R", "Run the lesson again, up to this step"),
)
_MOVE_VALUES = "Move among the pixel values"
IN_IMAGE: tuple[Action, ...] = (
    Action("select_next(1)", "right,l,down,j,space", "Next image", "image", "→ ↓", "←→", setting="next_image"),
    Action("select_next(-1)", "left,h,up,k,pageup", "Previous image", shown_key="← ↑", setting="previous_image"),
    Action("neighbours", "n", "Show the nearest training images, or the pixel values", "neighbours"),
    Action("other_run", "o", "Compare images by pixel values, or in the embedding of a run", "other run"),
    Action(
        "move_values(1, 0)", "shift+right", "Move among the pixel values", "values", "⇧→", "⇧←→", setting="values_right"
    ),
    Action("move_values(-1, 0)", "shift+left", "Move among the pixel values", shown_key="⇧←", setting="values_left"),
    Action("move_values(0, 1)", "shift+down", "Move among the pixel values", shown_key="⇧↓", setting="values_down"),
    Action("move_values(0, -1)", "shift+up", "Move among the pixel values", shown_key="⇧↑", setting="values_up"),
)
IN_SET: tuple[Action, ...] = (
    Action("scroll(1)", "down,j", "Scroll down", "scroll", "↓ j", "↑↓", setting="scroll_down"),
    Action("scroll(-1)", "up,k", "Scroll up", shown_key="↑ k", setting="scroll_up"),
    Action("scroll_page(1)", "space,pagedown", "Scroll down by a page", shown_key="space", setting="next_page"),
    Action("scroll_page(-1)", "pageup", "Scroll up by a page", shown_key="pgup", setting="previous_page"),
    Action("verify", "K", "Compute the checksum again", "verify"),
)
IN_AUDIT: tuple[Action, ...] = (
    Action("back", "escape", "Cancel the audit, or close it", "close", "esc"),
    Action("mark_label", "exclamation_mark", "Mark the image as mislabelled, or unmark it", "mislabelled", "!"),
    Action(
        "dismiss_finding", "d", "Dismiss the finding: nothing is wrong with its images", "dismiss", setting="dismiss"
    ),
    Action("remove_mark", "u", "Remove the marks on the finding's images", "remove mark"),
    Action("turn_filter(1)", "tab", "Next kind of findings", "kind", setting="next_kind"),
    Action("turn_filter(-1)", "shift+tab", "Previous kind of findings", shown_key="⇧tab", setting="previous_kind"),
    Action("filter", "slash", "Choose which findings to show", "filter", "/"),
    Action("step(1)", "right,l", "Next image of the finding", "image", "→ l", "←→", setting="next_image"),
    Action("step(-1)", "left,h", "Previous image of the finding", shown_key="← h", setting="previous_image"),
    Action("save", "ctrl+s", "Save all findings as CSV", "save", "^s"),
    Action("again", "enter", "Audit the data set", "audit", "↵"),
)
IN_TRANSFORMS: tuple[Action, ...] = (
    Action("back", "escape", "Close the transforms", "close", "esc"),
    Action("next_view", "tab", "Switch between the image and a batch", "image/batch"),
    Action("draw", "space", "Draw the augmentation and the batch again", "draw again"),
    Action("recipe", "c", "Choose the recipe", "recipe"),
    Action("step(1)", "right,l", "Next image", "image", "→ l", "←→", setting="next_image"),
    Action("step(-1)", "left,h", "Previous image", shown_key="← h", setting="previous_image"),
    Action("nrow(1)", "plus", "More images in each row of the grid", "nrow", "+", "+-", setting="more_columns"),
    Action("nrow(-1)", "minus", "Fewer images in each row of the grid", shown_key="-", setting="fewer_columns"),
)
IN_PREDICTION: tuple[Action, ...] = (
    Action("back", "escape", "Cancel, or close the prediction", "close", "esc"),
    Action("predict", "at", "Predict the class of another image file", "another image", "@"),
    Action("other_run", "o", "Choose another run", "other run"),
    Action("again", "enter", "Predict again", "again", "↵"),
)
IN_CHART: tuple[Action, ...] = (
    Action("open", "enter", "Show the chart in full screen, with a crosshair", "full screen", "↵"),
    Action("move(1, 0)", "right,l", "Go to the chart on the right", shown_key="→ l", setting="move_right"),
    Action("move(-1, 0)", "left,h", "Go to the chart on the left", shown_key="← h", setting="move_left"),
    Action("move(0, 1)", "down,j", "Go to the chart below", shown_key="↓ j", setting="move_down"),
    Action("move(0, -1)", "up,k", "Go to the chart above", shown_key="↑ k", setting="move_up"),
)
_MOVE_FAR = "Move the crosshair by a tenth of the chart"
IN_FULL_SCREEN: tuple[Action, ...] = (
    Action("move(1)", "right,l", "Move the crosshair by a column", "crosshair", "←→", setting="move_right"),
    Action("move(-1)", "left,h", "Move the crosshair by a column", shown_key="h l", setting="move_left"),
    Action("move_far(1)", "shift+right", _MOVE_FAR, shown_key="⇧→", setting="move_far_right"),
    Action("move_far(-1)", "shift+left", _MOVE_FAR, shown_key="⇧←", setting="move_far_left"),
    Action("first_page", "home,g", "Move the crosshair to the first value"),
    Action("last_page", "end,G", "Move the crosshair to the last value, and follow a live run"),
    Action("zoom(0.5)", "up,k", "Zoom in at the crosshair", "zoom", "↑ k", "↑↓", setting="zoom_in"),
    Action("zoom(2)", "down,j", "Zoom out", shown_key="↓ j", setting="zoom_out"),
    Action("pan(0.5)", "pagedown", "Pan right", shown_key="pgdn", setting="next_part"),
    Action("pan(-0.5)", "pageup", "Pan left", shown_key="pgup", setting="previous_part"),
    Action("show_all", "z", "Show the whole x axis again", "all"),
    Action("save", "ctrl+s", "Save the chart as an image, and its data as CSV", "save", "^s"),
    Action("back", "escape,enter", "Close the chart", "close", "esc"),
)
IN_EXPLANATION: tuple[Action, ...] = (
    Action("step(1)", "right,l", "Explain the next image", "image", "→ l", "←→", setting="next_image"),
    Action("step(-1)", "left,h", "Explain the previous image", shown_key="← h", setting="previous_image"),
    Action(
        "turn(1)",
        "down,j",
        "Next method or layer",
        "method",
        "↓ j",
        "↑↓",
        setting="next_method",
    ),
    Action("turn(-1)", "up,k", "Previous method or layer", shown_key="↑ k", setting="previous_method"),
    Action("choose_class", "c", "Choose the class to explain", "class"),
    Action("choose_layer", "L", "Choose the layer of Grad-CAM", "layer"),
    Action("next_view", "tab", "Next view: heat map, nearest training images, feature maps", "view"),
    Action("more_maps", "space", "Show the next feature maps", "more maps"),
    Action("again", "enter", "Repeat a computation that was cancelled or failed", "try again", "↵"),
    Action("back", "escape", "Cancel the computation, or close the explanation", "close", "esc"),
)
IN_ROBUSTNESS: tuple[Action, ...] = (
    Action("again", "enter", "Repeat a computation that was cancelled or failed", "try again", "↵"),
    Action("back", "escape", "Cancel the computation, or close the charts", "close", "esc"),
)
IN_COMPARISON: tuple[Action, ...] = (
    Action("next_view", "tab", "Next view: changes, right to wrong, wrong to right, confusions", "view"),
    Action("previous_view", "shift+tab", "Previous view", shown_key="⇧tab"),
    *MOVING,
    Action("open", "enter", "Enlarge the image, or try again", "enlarge", "↵"),
    *TURNING,
    Action("why", "W", "Explain the prediction of the run that is wrong", "why"),
    Action("back", "escape", "Cancel the computation, or close the comparison", "close", "esc"),
)
_FIELDS: tuple[Action, ...] = (
    Action("field(1)", "tab", "Next field", "field", setting="next_field"),
    Action("field(-1)", "shift+tab", "Previous field", shown_key="⇧tab", setting="previous_field"),
)
IN_RESHAPING: tuple[Action, ...] = (
    Action("propose", "enter", "Copy the code into the prompt", "to the prompt", "↵", priority=True),
    Action("operation(1)", "down", "Next operation", "operation", "↓", "↑↓", priority=True, setting="next_operation"),
    Action("operation(-1)", "up", "Previous operation", shown_key="↑", priority=True, setting="previous_operation"),
    *_FIELDS,
)
IN_ARITHMETIC: tuple[Action, ...] = (
    Action("step(1)", "up", "Increase the value", "change", "↑", "↑↓", priority=True, setting="increase"),
    Action("step(-1)", "down", "Decrease the value", shown_key="↓", priority=True, setting="decrease"),
    *_FIELDS,
)

IN_FORM: tuple[Action, ...] = (
    Action("group(1)", "pagedown", "Go to the next group of fields", shown_key="pgdn", setting="next_group"),
    Action("group(-1)", "pageup", "Go to the previous group of fields", shown_key="pgup", setting="previous_group"),
    Action("reset", "ctrl+r", "Reset the field to its original value", "reset", "^r"),
    Action("find_learning_rate", "ctrl+l", "Suggest a learning rate: run a range test", "learning rate", "^l"),
)

DEFAULT_GROUPS: Groups = {
    "everywhere": EVERYWHERE,
    **{str(name): actions for name, actions in IN_PANE.items()},
    "tensors": IN_TENSORS,
    "tensor": IN_TENSOR,
    "graph": IN_GRAPH,
    "lessons": IN_LESSONS,
    "reshape": IN_RESHAPING,
    "arithmetic": IN_ARITHMETIC,
    "image": IN_IMAGE,
    "set": IN_SET,
    "audit": IN_AUDIT,
    "transforms": IN_TRANSFORMS,
    "prediction": IN_PREDICTION,
    "chart": IN_CHART,
    "crosshair": IN_FULL_SCREEN,
    "form": IN_FORM,
    "explanation": IN_EXPLANATION,
    "robustness": IN_ROBUSTNESS,
    "comparison": IN_COMPARISON,
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
