"""`show`, and pictures as the results of cells. Knows no torch until something is drawn."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from IPython.core.formatters import JSONFormatter
from IPython.core.getipython import get_ipython

from fashion_tui.schema.plots import MIME_TYPE, Plot


def show(value: object, labels: object = None) -> None:
    """Draw a value: a picture, a matrix as a heat map, a vector as bars; of a batch the first sixty-four.

    It may be a tensor, an array of numpy, an image of PIL, an image with its label (`show(test_data[0])`), or a list of
    such. `labels` are names, or numbers of classes, one for each picture or value: `show(net(x).softmax(1), classes)`.
    What can't be drawn is told in a line.
    """
    from .drawable import plot_for  # noqa: PLC0415 -- imports torch
    from .plots import CannotDraw  # noqa: PLC0415

    shell: Any = get_ipython()
    try:
        figure, text = plot_for(value, labels, _classes(shell.user_ns.get("classes") if shell else None))
    except CannotDraw as error:
        _publish(shell, {"text/plain": str(error)})
    except (RuntimeError, TypeError, ValueError) as error:  # a tensor of a kind that torch can't do much with
        reason = f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
        _publish(shell, {"text/plain": f"a {type(value).__name__} that can't be drawn: {reason}"})
    else:
        _publish(shell, {"text/plain": text, MIME_TYPE: msgspec.to_builtins(figure)})


def _publish(shell: Any, data: dict[str, object]) -> None:
    """To the kernel's front ends; plain Python, which has none, prints the text."""
    if shell is None:
        print(data["text/plain"])
    else:
        shell.display_pub.publish(data)


def attach_plots_to_results(shell: Any) -> None:
    """From now on a picture that is a cell's result, or is given to `display`, comes with its figure."""
    formatter: Any = JSONFormatter(parent=shell.display_formatter, format_type=MIME_TYPE, print_method="_repr_figure_")
    formatter.for_type_by_name("torch", "Tensor", _tensor)
    formatter.for_type_by_name("PIL.Image", "Image", _pil_image)
    shell.display_formatter.formatters[MIME_TYPE] = formatter


def _tensor(tensor: Any) -> object:
    from .plots import image_result  # noqa: PLC0415 -- torch is there, since a tensor is

    return _quietly(lambda: image_result(tensor))


def _pil_image(image: Any) -> object:
    from .drawable import plot_for  # noqa: PLC0415 -- imports torch

    return _quietly(lambda: plot_for(image, None, ())[0])


def _quietly(draw: Callable[[], Plot | None]) -> object:
    """The figure as JSON takes it. A value that can't be drawn, whatever the reason, is printed as any other is."""
    try:
        figure = draw()
    except Exception:  # noqa: BLE001 -- a tensor may be of a person's own class
        return None
    return None if figure is None else msgspec.to_builtins(figure)


def _classes(names: object) -> Sequence[str]:
    """What a person has by the name `classes`, if it is a list of names."""
    is_list = isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names)
    return names if is_list else ()  # type: ignore[return-value]
