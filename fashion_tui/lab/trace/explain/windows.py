"""Explain windows of convolutions and pools that don't fit into their input."""

from typing import Any

from torch import nn

from fashion_tui.lab.trace.windows import CONVOLUTIONS, WindowSettings

from .changes import at_failure, set_layer_argument
from .failure import Change, Explanation, Failure


def explain_window(failure: Failure) -> Explanation | None:
    """Explain that a window is larger than the padded input, or that its padding is too large."""
    window = failure.call.window
    is_convolution = isinstance(failure.call.target, CONVOLUTIONS) or failure.row.name.startswith("conv")
    if window is None or window.transposed:
        return None
    noun = "kernel" if is_convolution else "window"
    return _explain_padding(failure, window, noun, is_convolution) or _explain_size(failure, window, noun)


def _explain_size(failure: Failure, window: WindowSettings, noun: str) -> Explanation | None:
    kernel, axes = window.kernel, len(window.kernel)
    padding = (0,) * axes if isinstance(window.padding, str) else window.padding
    sizes = [size + 2 * around for size, around in zip(failure.input[-axes:], padding, strict=False)]
    spans = tuple(dilation * (size - 1) + 1 for size, dilation in zip(kernel, window.dilation, strict=True))
    if all(span <= size for span, size in zip(spans, sizes, strict=False)):
        return None
    described = f"a {'×'.join(map(str, kernel))} {noun}" if axes > 1 else f"a {noun} of {kernel[0]} values"
    if spans != kernel:
        described += f" that spans {'×'.join(map(str, spans))}"
    problem = "is larger than" if noun == "kernel" else "doesn't fit into"
    padded = f"the padded input of {'×'.join(map(str, sizes))} values" if any(padding) else "its input"
    text = f"{failure.name} has {described}, which {problem} {padded}: {failure.origin()}"
    less = ", or pool less before it" if failure.pools_before() else ""
    if noun == "kernel" and not any(padding):
        around = max((span - 1) // 2 for span in spans)
        return Explanation(f"{text}; add padding={around}{less}", (_set(failure, "padding", around),))
    most = min((size - 1) // dilation + 1 for size, dilation in zip(sizes, window.dilation, strict=False))
    change = _set(failure, "kernel_size", most)
    return Explanation(f"{text}; make the {noun} at most {most} wide{less}", (change,))


def _explain_padding(failure: Failure, window: WindowSettings, noun: str, is_convolution: bool) -> Explanation | None:  # noqa: FBT001
    if isinstance(window.padding, str):
        return None
    if not is_convolution:
        for around, kernel, dilation in zip(window.padding, window.kernel, window.dilation, strict=True):
            most = (dilation * (kernel - 1) + 1) // 2
            if around > most:
                text = (
                    f"{failure.name} has a padding of {around}, but a {noun} of {kernel} values allows at most {most}"
                )
                return Explanation(f"{text}; set padding to {most}", (_set(failure, "padding", most),))
    layer: Any = failure.call.target
    if isinstance(layer, nn.Module) and getattr(layer, "padding_mode", "zeros") in {"reflect", "circular"}:
        mode, limit = layer.padding_mode, 1 if layer.padding_mode == "reflect" else 0
        for around, size in zip(window.padding, failure.input[-len(window.padding) :], strict=True):
            if around > size - limit:
                text = f"{failure.name} has a padding of {around}, but {mode} padding of {size} values allows at most "
                text += f"{size - limit}: {failure.origin()}"
                return Explanation(text, (_set(failure, "padding", size - limit),))
    return None


def _set(failure: Failure, name: str, value: int) -> Change:
    """Set an argument of the layer's constructor or of the function."""
    if failure.row.is_module:
        position = {"kernel_size": 0} if "Pool" in failure.row.op else {"kernel_size": 2}
        position |= {"padding": 2} if "Pool" in failure.row.op else {"padding": 4}
        return set_layer_argument(failure.row.path, position[name], name, value)
    positions = {"kernel_size": 1, "padding": 3} if "pool" in failure.row.name else {"padding": 4}
    if name not in positions:
        return lambda _source: []
    return at_failure(lambda source, call: source.edit(source.set_argument(call, positions[name], name, value)))
