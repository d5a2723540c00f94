"""An error in a network, in words: what the step expected, what came, and where that came from."""

import math
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from fashion_tui.schema.shapes import NETWORK_INPUT, Shape, ShapeRow

from .functions import RESHAPING
from .record import Recording, Step

_HINT = "did the pooling or a channel count change?"
_OUR_OWN = Path(__file__).parent
_TORCH = Path(torch.__file__).parent


def explain(recording: Recording, rows: Sequence[ShapeRow]) -> str | None:
    """One line; None where the recording ended well. `rows` are those of the recording, for one sample."""
    error = recording.error
    if error is None:
        return None
    if not recording.failed:
        return _as_torch_says(error)
    index = recording.failed[-1]
    case = _Case(recording.steps[index], rows[index], rows)
    words = (_of_layer(case) or _of_function(case)) if case.row.inputs else None
    return words or f"{case.who}: {_as_torch_says(error)}"


def line_of(error: BaseException | None) -> tuple[str | None, int | None]:
    """File and line of the innermost code that is neither torch's nor ours."""
    found: tuple[str | None, int | None] = (None, None)
    for frame in traceback.extract_tb(error.__traceback__ if error is not None else None):
        parents = Path(frame.filename).parents
        if _OUR_OWN not in parents and _TORCH not in parents:
            found = (frame.filename, frame.lineno)
    return found


class _Case:
    """A failed step with what is needed to talk about it. Shapes are those of one sample."""

    def __init__(self, step: Step, row: ShapeRow, rows: Sequence[ShapeRow]) -> None:
        self.step = step
        self.row = row
        self._rows = rows

    @property
    def who(self) -> str:
        return _called(self.row, self.row.path if self.row.is_module else self.row.name)

    @property
    def came(self) -> Shape:
        return self.row.inputs[0]

    def maker(self, number: int = 0) -> ShapeRow | None:
        """The row that gave an input its shape: steps that leave the shape alone, as relu does, are passed over."""
        source = self.row.sources[number]
        while source is not None and source != NETWORK_INPUT:
            row = self._rows[source]
            if not row.inputs or row.inputs[0] != row.outputs[0]:
                return row
            source = row.sources[0]
        return None

    def origin(self) -> str:
        """`the flatten before it gave [490]`."""
        maker = self.maker()
        if maker is not None:
            return f"the {_called(maker, maker.name)} before it gave {list(self.came)}"
        return f"{'its' if self.row.sources[0] is None else 'the'} input is {list(self.came)}"

    def makers(self) -> str:
        """` (made by conv1 and downsample)`."""
        makers = [self.maker(number) for number in range(len(self.row.inputs))]
        names = dict.fromkeys(_called(maker, maker.name) for maker in makers if maker is not None)
        return f" (made by {' and '.join(names)})" if names else ""


def _called(row: ShapeRow, name: str) -> str:
    """`conv1`; a layer that has but a number, as in nn.Sequential, with its kind: `2 (Flatten)`."""
    return f"{name} ({row.op})" if name[-1:].isdigit() and row.name.isdigit() else name or row.name


# Layers


def _of_layer(case: _Case) -> str | None:
    """For torch's own layers, which say in their attributes what they take."""
    layer = case.step.call
    found = next((words for kinds, words in _LAYERS if isinstance(layer, kinds)), None)
    return found(case, layer) if found else None


def _convolution(case: _Case, layer: Any) -> str | None:
    axes = len(layer.kernel_size)
    if len(case.came) != axes + 1:
        wanted = ", ".join(["channels", *("depth", "height", "width")[3 - axes :]])
        return f"{case.who} expects [{wanted}], got {list(case.came)}: {case.origin()}"
    return _wrong_size(case, layer.in_channels, "channels", axis=0) or _large_kernel(case, layer)


def _large_kernel(case: _Case, layer: Any) -> str | None:
    around = [0] * len(layer.kernel_size) if isinstance(layer.padding, str) else [2 * pad for pad in layer.padding]
    sizes = [size + pad for size, pad in zip(case.came[1:], around, strict=True)]
    if layer.transposed or all(window <= size for window, size in zip(layer.kernel_size, sizes, strict=True)):
        return None
    shown = "×".join(map(str, layer.kernel_size))
    return f"{case.who} has a kernel of {shown}, larger than what it gets, padding included: {case.origin()}"


def _layer_norm(case: _Case, layer: Any) -> str:
    ending = list(layer.normalized_shape)
    return f"{case.who} expects a shape that ends in {ending}, got {list(case.came)}: {case.origin()}"


def _embedding(case: _Case, layer: Any) -> str:
    return f"{case.who} expects whole numbers below {layer.num_embeddings:,}, the places in its table, got fractions"


_LAYERS: list[tuple[Any, Callable[[_Case, Any], str | None]]] = [
    (nn.Linear, lambda case, layer: _wrong_size(case, layer.in_features, "features")),
    (nn.modules.conv._ConvNd, _convolution),  # noqa: SLF001 - the base of all of them
    (nn.modules.batchnorm._NormBase, lambda case, layer: _wrong_size(case, layer.num_features, "channels", axis=0)),  # noqa: SLF001
    (nn.GroupNorm, lambda case, layer: _wrong_size(case, layer.num_channels, "channels", axis=0)),
    (nn.LayerNorm, _layer_norm),
    (nn.RNNBase | nn.RNNCellBase, lambda case, layer: _wrong_size(case, layer.input_size, "features")),
    (nn.MultiheadAttention, lambda case, layer: _wrong_size(case, layer.embed_dim, "features")),
    (nn.Embedding | nn.EmbeddingBag, _embedding),
]


def _wrong_size(case: _Case, expected: int, unit: str, axis: int = -1) -> str | None:
    """For what wants a certain size on one axis."""
    if not case.came or case.came[axis] == expected:
        return None
    words = f"{case.who} expects {expected} {unit}, got {case.came[axis]}: {case.origin()}"
    maker = case.maker()
    if maker is not None and maker.op in RESHAPING | {"torch.flatten", "torch.reshape"}:
        return f"{words}; {_HINT}"
    if axis == -1 and len(case.came) > 1 and math.prod(case.came) == expected:
        return f"{words}, which is {expected} values: flatten it first"
    return words


# Functions, and layers that do what a function does


def _of_function(case: _Case) -> str | None:
    name, op, given = case.row.name, case.row.op, [*case.row.inputs, *case.step.held]
    if op == "F.linear" and case.step.held:
        return _wrong_size(case, case.step.held[0][-1], "features")
    if name in {"view", "reshape"}:
        return _wrong_view(case)
    if "pool" in op.lower():
        return _nothing_left(case)
    return _wrong_pair(case, given) if len(given) > 1 else None


def _wrong_view(case: _Case) -> str | None:
    """For `x.view(-1, 980)` where a sample has other than 980 values."""
    asked = [size for part in case.step.arguments for size in (part if isinstance(part, tuple | list) else (part,))]
    values, rest = math.prod(case.came), math.prod(asked[1:])
    if len(asked) < 2 or min(asked[1:]) < 1:
        return None
    if values == rest:
        return f"{case.who} expects batches of {asked[0]} whatever comes; write -1 for the batch axis"
    return f"{case.who} expects {rest} values in each sample, got {values}: {case.origin()}; {_HINT}"


def _nothing_left(case: _Case) -> str | None:
    kernel = [int(size) for size in case.row.settings.split(" ")[0].split("×") if size.isdigit()]
    if all(window <= size for window, size in zip(kernel, case.came[-len(kernel) :], strict=False)):
        return None
    return f"{case.who} of {case.row.settings} leaves nothing of what it gets: {case.origin()}"


def _wrong_pair(case: _Case, given: list[Shape]) -> str | None:
    """For what takes several tensors whose sizes have to fit."""
    name, op = case.row.name, case.row.op
    shapes = " and ".join(str(list(shape)) for shape in given)
    if name in {"matmul", "bmm", "mm"} and len(given[1]) > 1:
        return f"{op} can't multiply {shapes}: {given[0][-1]} columns meet {given[1][-2]} rows{case.makers()}"
    if name in {"cat", "concat", "stack", "hstack", "vstack"}:
        return f"{name} can't join {shapes}: all axes but the joined one have to be equal{case.makers()}"
    if not op[0].isalpha() and "[" not in op:
        return f"{op} can't combine {shapes}: sizes have to be equal, or 1{case.makers()}"
    return None


def _as_torch_says(error: BaseException) -> str:
    """The first line of the message; with its kind, where that isn't torch's usual one."""
    lines = str(error).strip().splitlines()
    words = lines[0].strip() if lines else "no reason given"
    return words if type(error) is RuntimeError else f"{type(error).__name__}: {words}"
