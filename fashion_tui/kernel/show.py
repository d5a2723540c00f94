"""The function `show` in the user's namespace, and the plots shown when a cell returns an image.

This module imports torch only when it plots something.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from IPython.core.formatters import JSONFormatter
from IPython.core.getipython import get_ipython

from fashion_tui.schema.plots import MIME_TYPE, Plot


def show(value: object, labels: object = None) -> None:
    """Draw a value: an image, the first 64 images of a batch, a matrix as a heat map, or a vector as bars.

    The value can be a tensor, a NumPy array, a PIL image, a matplotlib figure, an image with its label
    (`show(test_data[0])`), or a list of these. `labels` are names or class indices, one per image or value:
    `show(net(x).softmax(1), classes)`. If the value can't be drawn, print a one-line reason.
    """
    from .drawable import plot_for  # noqa: PLC0415 -- imports torch
    from .plots import CannotDraw  # noqa: PLC0415

    shell: Any = get_ipython()
    try:
        plot = plot_for(value, labels, _class_names(shell.user_ns.get("classes") if shell else None))
    except CannotDraw as error:
        _publish(shell, {"text/plain": str(error)})
    except (RuntimeError, TypeError, ValueError) as error:
        # torch doesn't support one of the operations for this tensor
        reason = f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
        _publish(shell, {"text/plain": f"can't draw this {type(value).__name__}: {reason}"})
    else:
        _publish(shell, {"text/plain": plot.caption, MIME_TYPE: msgspec.to_builtins(plot)})


def _publish(shell: Any, data: dict[str, object]) -> None:
    """Send an output to the kernel's front ends. Outside IPython, print its text."""
    if shell is None:
        print(data["text/plain"])
    else:
        shell.display_pub.publish(data)


def attach_plots_to_results(shell: Any) -> None:
    """Add a plot to the output if the result of a cell or an argument of `display` is an image or a figure.

    matplotlib's inline backend, which ipykernel selects, passes figures to `display`.
    """
    formatter: Any = JSONFormatter(parent=shell.display_formatter, format_type=MIME_TYPE, print_method="_repr_plot_")
    formatter.for_type_by_name("torch", "Tensor", _format_tensor)
    formatter.for_type_by_name("PIL.Image", "Image", _format_image)
    # Use the base class, because the inline backend removes all formatters of `Figure` when it is loaded.
    formatter.for_type_by_name("matplotlib.figure", "FigureBase", _format_image)
    shell.display_formatter.formatters[MIME_TYPE] = formatter


def _format_tensor(tensor: Any) -> object:
    from .plots import image_result  # noqa: PLC0415 -- imports torch, which is loaded already if there is a tensor

    return _try_plot(lambda: image_result(tensor))


def _format_image(image: Any) -> object:
    from .drawable import plot_for  # noqa: PLC0415 -- imports torch

    return _try_plot(lambda: plot_for(image, None, ()))


def _try_plot(make_plot: Callable[[], Plot | None]) -> object:
    """Make a plot and convert it to JSON types. Return None if plotting fails, so that only the text is shown."""
    try:
        plot = make_plot()
    except Exception:  # noqa: BLE001 -- the user's subclasses of Tensor can raise anything
        return None
    return None if plot is None else msgspec.to_builtins(plot)


def _class_names(classes: object) -> Sequence[str]:
    """Return the user's variable `classes` if it is a list of strings, else an empty sequence."""
    is_list = isinstance(classes, (list, tuple)) and all(isinstance(name, str) for name in classes)
    return classes if is_list else ()  # type: ignore[return-value]
