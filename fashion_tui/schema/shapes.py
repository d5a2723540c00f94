"""The way of a tensor through a network, step by step."""

import msgspec

from .errors import UsageError

Shape = tuple[int, ...]
"""Of one sample: without the batch axis."""

NETWORK_INPUT = -1
"""In `ShapeRow.sources`: the network's own input."""


def parse_shape(text: str) -> Shape:
    """The shape that a person writes as `1x28x28`; UsageError where it is none."""
    try:
        shape = tuple(int(part) for part in text.lower().replace("×", "x").split("x"))
    except ValueError:
        shape = ()
    if not shape or min(shape) < 1:
        raise UsageError(
            f"the input's shape is {text!r}; it must be positive numbers with x between them, such as 1x28x28"
        )
    return shape


class ShapeRow(msgspec.Struct, frozen=True, kw_only=True):
    """One step: a call of a module, or of a function that changes or computes data."""

    name: str
    """As its parent calls it: `conv1`, `0`, `relu`, `max_pool2d`."""
    path: str
    """From the network down: `layer1.0.conv1`; of a function, its caller's path and its name."""
    depth: int
    """0 for what the network itself calls."""
    op: str
    """`Conv2d`, `F.relu`, `view`, `+`."""
    is_module: bool
    has_children: bool
    """Rows of a greater depth follow that belong to this one."""
    inputs: tuple[Shape, ...]
    """The tensors that flow in; what the network holds itself (weights, buffers) is named in `settings` instead."""
    sources: tuple[int | None, ...]
    """For each input the row that gave it, or THE_INPUT; None where no row shows how it was made."""
    outputs: tuple[Shape, ...]
    settings: str
    """Kernel, padding, stride and the like, only what differs from the default: `5×5 p2`; empty where there is none."""
    params: int
    """Of this row and the rows below it, each tensor counted once over the whole table (0 where it is reused)."""
    own_params: int
    """Counted at this very row. The sum over all rows, and `unused_params`, is the table's `total_params`."""
    trainable: bool
    """It uses parameters, and some of them learn."""
    reused: bool
    """It uses parameters, and all of them were counted in earlier rows."""
    macs: int
    """Multiply-accumulates for one sample, with those of the rows below it."""
    activation_bytes: int
    """New memory for the outputs of one sample, with that of the rows below it; none for a view or a step in place."""
    dtype: str
    """Of the first output: `float32`."""
    failed: bool = False
    """The table's error was raised in this step, or in a row below it; it has no outputs."""
    weights: tuple[str, ...] = ()
    """The parameters that this very row uses, by their names in the network: `conv1.weight`."""
    arithmetic: str = ""
    """Why the output has its shape, with the numbers: `(14 − 5 + 2·2) / 1 + 1 = 14`; empty where no formula says it."""
    params_arithmetic: str = ""
    """Of the parameters that this very row uses: `weight 20×12×5×5 = 6,000, bias 20`."""
    macs_arithmetic: str = ""
    """Values times products for each: `(20·14·14) · (12·5·5) = 1,176,000`."""
    forward_seconds: float | None = None
    """Measured on the batch that the table names, with the time of the rows below it; None where it wasn't."""
    backward_seconds: float | None = None

    @property
    def seconds(self) -> float:
        """Forward and backward; 0 where they weren't measured."""
        return (self.forward_seconds or 0.0) + (self.backward_seconds or 0.0)


class ShapeTable(msgspec.Struct, frozen=True, kw_only=True):
    model: str
    inputs: tuple[Shape, ...]
    """Of the network, in the order of its arguments."""
    outputs: tuple[Shape, ...]
    rows: tuple[ShapeRow, ...]
    """In the order of execution."""
    total_params: int
    trainable_params: int
    total_macs: int
    unused: tuple[str, ...] = ()
    """Modules and parameters that the network holds and this run through it never used."""
    unused_params: int = 0
    traced_on: str = "meta"
    """`meta`: by shapes alone. `cpu`: the network's code asks for values, so they were computed."""
    warnings: tuple[str, ...] = ()
    """What works, but is hardly meant; a line each."""
    error: str | None = None
    """Where the network fails: in words, what the failing step expected and what came."""
    error_file: str | None = None
    error_line: int | None = None
    """The line of the person's own code in which it fails."""

    timed_on: str = ""
    """The device on which the steps were measured; empty where they weren't."""
    timed_batch: int = 0
    """Samples in the passes that were measured."""

    @property
    def seconds(self) -> float:
        """Of all steps that were measured, forward and backward."""
        return sum(row.seconds for row in self.rows if row.depth == 0)

    @property
    def input_size(self) -> Shape:
        """The first input's."""
        return self.inputs[0]

    @property
    def activation_bytes(self) -> int:
        """New memory that a pass over one sample takes, if all outputs are kept for the way back."""
        return sum(row.activation_bytes for row in self.rows if row.depth == 0)
