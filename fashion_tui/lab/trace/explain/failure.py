"""A failed call, its arguments, and the calls that produced them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from fashion_tui.lab.trace.calls import Call
from fashion_tui.lab.trace.operands import Arguments, Operand, find_operands
from fashion_tui.schema.shapes import NETWORK_INPUT, Fix, Shape, ShapeRow

from .sizes import CREATING, BatchSizes
from .source import Source

Change = Callable[[Source], Sequence[Fix]]
"""A function that returns the edits for one suggested change of the network's source, the most likely edit first."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a network failed, and changes that may fix it."""

    text: str
    changes: tuple[Change, ...] = ()
    """Suggested changes, the most likely first."""


@dataclass(frozen=True, slots=True)
class TensorArgument:
    """A tensor among the arguments of the failed call, in both recordings."""

    operand: Operand
    other: Operand | None
    batches: BatchSizes

    @property
    def shape(self) -> Shape:
        """The shape in the first recording, including the batch axis."""
        return self.operand.shape

    @property
    def sample(self) -> Shape:
        """The shape of one sample."""
        return self.batches.sample_shape(self.shape, self._other_shape)

    @property
    def text(self) -> str:
        """The shape with N for the batch size, such as `[N, 3, 28, 28]`."""
        return self.batches.format_shape(self.shape, self._other_shape)

    @property
    def has_batch_axis(self) -> bool:
        return self.batches.has_batch_axis(self.shape, self._other_shape)

    def size(self, axis: int) -> str:
        """Return the size of an axis, with N for the batch size."""
        return self.text.strip("[]").split(", ")[axis]

    @property
    def _other_shape(self) -> Shape | None:
        return None if self.other is None else self.other.shape


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed call and its row. The shapes in the row are the shapes of one sample."""

    call: Call
    row: ShapeRow
    rows: Sequence[ShapeRow]
    error: BaseException | None = None
    calls: Sequence[Call] = ()
    """The calls of the first recording."""
    others: Sequence[Call | None] = ()
    """The same calls in the second recording; an item is None if the call is missing there."""
    other: Call | None = None
    """The failed call in the second recording, or None if another call failed there."""
    batches: BatchSizes = field(default_factory=lambda: BatchSizes(None, None))
    model: nn.Module | None = None

    @property
    def name(self) -> str:
        return display_name(self.row, self.row.path if self.row.is_module else self.row.name)

    @property
    def arguments(self) -> Arguments:
        return self.call.failed_arguments or Arguments((), {})

    @property
    def tensors(self) -> list[TensorArgument]:
        """The tensors among the arguments, including the network's parameters, buffers and constants."""
        return self.tensors_in((self.arguments.args, self.arguments.kwargs))

    def tensors_in(self, value: Any) -> list[TensorArgument]:
        """Return the tensors in a part of the arguments."""
        mine, theirs = self.arguments.operands, self._other_operands
        pairs = {id(operand): other for operand, other in zip(mine, theirs, strict=False)}
        return [TensorArgument(operand, pairs.get(id(operand)), self.batches) for operand in find_operands(value)]

    @property
    def _other_operands(self) -> list[Operand]:
        if self.other is None or self.other.failed_arguments is None:
            return []
        return self.other.failed_arguments.operands

    @property
    def activations(self) -> list[TensorArgument]:
        """The tensors among the arguments that don't belong to the network."""
        return [tensor for tensor in self.tensors if tensor.operand.name is None]

    @property
    def input(self) -> Shape:
        """Shape of one sample of the first input."""
        return self.row.inputs[0]

    @property
    def input_text(self) -> str:
        """Shape of the first input with N for the batch size, such as `[N, 1, 28, 28]`."""
        first = next(iter(self.activations), None)
        if first is not None and first.sample == self.input:
            return first.text
        names = ["N"] if self.batches.first is not None else []
        return f"[{', '.join([*names, *map(str, self.input)])}]"

    @property
    def has_batch_axis(self) -> bool:
        """Whether the first input has a batch axis. True if unknown."""
        return not self.activations or self.batches.first is None or self.activations[0].has_batch_axis

    def creator(self, tensor: TensorArgument) -> str | None:
        """Return the name of the function, such as `randn`, that created a tensor from its sizes, or None."""
        source = tensor.operand.source
        if source is None or source == NETWORK_INPUT:
            return None
        row = self.rows[source]
        return row.name if row.name in CREATING else None

    def producer(self, index: int = 0) -> ShapeRow | None:
        """Return the row that produced an input's shape, skipping rows such as relu that don't change the shape."""
        source = self.row.sources[index] if index < len(self.row.sources) else None
        while source is not None and source != NETWORK_INPUT:
            row = self.rows[source]
            if not row.inputs or not row.outputs or row.inputs[0] != row.outputs[0]:
                return row
            source = row.sources[0]
        return None

    def pools_before(self) -> bool:
        """Return whether an earlier call is a pooling layer or function."""
        return any("pool" in row.op.lower() for row in self.rows if row is not self.row)

    def origin(self) -> str:
        """Describe the origin of the input: `flatten outputs [N, 490]`, or `the network's input is [N, 784]`."""
        producer = self.producer()
        if producer is not None:
            return f"{display_name(producer, producer.name)} outputs {self.input_text}"
        owner = "its" if not self.row.sources or self.row.sources[0] is None else "the network's"
        return f"{owner} input is {self.input_text}"

    def producers(self) -> str:
        """Return the names of the calls that produced the inputs, such as ` (from conv1 and downsample)`.

        Return an empty string for the network's inputs.
        """
        producers = [self.producer(index) for index in range(len(self.row.inputs))]
        names = dict.fromkeys(display_name(producer, producer.name) for producer in producers if producer is not None)
        return f" (from {' and '.join(names)})" if names else ""


def display_name(row: ShapeRow, name: str) -> str:
    """Return the name of a call, such as `conv1`.

    If the name is only a number, as in nn.Sequential, the operation is added, as in `2 (Flatten)`.
    """
    return f"{name} ({row.op})" if name[-1:].isdigit() and row.name.isdigit() else name or row.name
