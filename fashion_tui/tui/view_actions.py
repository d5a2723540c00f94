"""The actions of the views inside the panes, and of the screens in front of them, with their default keys."""

from .action import Action
from .key_settings import Groups
from .pane_actions import MOVING, TURNING

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
    Action("open", "enter", "Enlarge the image, or try again", "enlarge", "↵"),
    Action("why", "W", "Explain the prediction of the run that is wrong", "why"),
    Action("mark_label", "exclamation_mark", "Mark the image as mislabelled, or unmark it", "mark", "!"),
    *MOVING,
    *TURNING,
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

VIEW_GROUPS: Groups = {
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
"""The actions of each view, by the name of their group in the settings file."""
