"""The shape trace of a network: one row for each layer and function, in order of execution."""

from typing import Literal

import msgspec

from .inputs import InputSpec

Shape = tuple[int, ...]
"""Shape of one sample, without the batch axis."""

NETWORK_INPUT = -1
"""Value in `ShapeRow.sources` that stands for an input of the network."""


class ShapeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table: a call to a module, or to a function that changes or computes data."""

    name: str
    """Name in the parent module: `conv1`, `0`, `relu`, `max_pool2d`."""
    path: str
    """Full name in the network, such as `layer1.0.conv1`. For a function, the caller's path and the function's name."""
    depth: int
    """Nesting depth; 0 for calls made by the network itself."""
    op: str
    """Operation: `Conv2d`, `F.relu`, `view`, `+`."""
    is_module: bool
    has_children: bool
    """Whether the table has rows for calls that this call made. These children follow the row at a greater depth."""
    inputs: tuple[Shape, ...]
    """Shapes of the input tensors. Weights and buffers of the network are listed in `settings` instead."""
    sources: tuple[int | None, ...]
    """For each input, the index of the row that produced it, NETWORK_INPUT for an input of the network, or None for any
    other tensor."""
    producers: tuple[int | None, ...] = ()
    """Like `sources`, but an input that a module returned has the index of the call inside the module that produced it.
    The rows with these indices have no children."""
    outputs: tuple[Shape, ...]
    settings: str
    """Non-default settings (kernel size, padding, stride and so on), such as `5×5 p2`; empty if there are none."""
    params: int
    """Number of parameters of this row and its children. A parameter is counted only in the first row that uses it."""
    own_params: int
    """Number of parameters of this row, excluding its children. The sum over all rows, plus `unused_params`, is
    `total_params`."""
    trainable: bool
    """Whether at least one parameter requires gradients."""
    reused: bool
    """Whether all parameters of this row were counted in earlier rows. False if the row has no parameters."""
    macs: int | None
    """Number of multiply-accumulate operations for one sample, including children; None if it is unknown for this row
    or one of its children."""
    activation_bytes: int
    """Memory allocated for the outputs of one sample, including children; 0 for views and in-place operations."""
    dtype: str
    """Data type of the first output, such as `float32`."""
    receptive_field: Shape | None = None
    """Size of the part of the input that one value of the first output depends on, along each axis except the channels;
    None if it is unknown."""
    mixes_samples: bool = False
    """Whether this is the first row in which one sample of a batch changes the values of another sample, in evaluation
    mode."""
    failed: bool = False
    """Whether the table's error was raised in this row or in one of its children. If so, the row has no outputs."""
    weights: tuple[str, ...] = ()
    """Names of the parameters used by this row itself, not by its children, such as `conv1.weight`."""
    arithmetic: str = ""
    """Formula for the output's shape, such as `(14 − 5 + 2·2) / 1 + 1 = 14`; empty if there is none."""
    params_arithmetic: str = ""
    """Sizes of the parameters used by this row itself, not by its children, such as
    `weight 20×12×5×5 = 6,000, bias 20`."""
    macs_arithmetic: str = ""
    """Formula for `macs`: the number of output values times the number of multiplications per value, such as
    `(20·14·14) · (12·5·5) = 1,176,000`."""
    forward_seconds: float | None = None
    """Duration of the forward pass for `ShapeTable.timed_batch` samples, including children; None if not measured."""
    backward_seconds: float | None = None
    """Duration of the backward pass for `ShapeTable.timed_batch` samples, including children; None if not measured."""

    @property
    def seconds(self) -> float:
        """Duration of the forward and backward passes; 0 if not measured."""
        return (self.forward_seconds or 0.0) + (self.backward_seconds or 0.0)


class Remark(msgspec.Struct, frozen=True):
    """A note about a network that runs but looks wrong."""

    row: int | None
    """Index of the row, or None for a remark about the whole network."""
    text: str
    """One-line remark, without the name of the row."""


class NotUsed(msgspec.Struct, frozen=True):
    """A module or parameter that this pass didn't use, but another pass may use."""

    name: str
    reason: str
    """Why it wasn't used, such as `the argument y is not given`."""
    params: int
    """Number of its parameters."""


class Fix(msgspec.Struct, frozen=True):
    """An edit of one line of the network's source that fixes an error."""

    line: int
    """Line number, starting at 1."""
    old: str
    """The line before the edit, without its indentation."""
    new: str
    """The line after the edit, without its indentation."""


def apply_fix(source: str, fix: Fix) -> str:
    """Apply a fix and return the new source. If the line isn't `fix.old`, return the source unchanged."""
    lines = source.splitlines(keepends=True)
    if not 0 < fix.line <= len(lines) or lines[fix.line - 1].strip() != fix.old:
        return source
    lines[fix.line - 1] = lines[fix.line - 1].replace(fix.old, fix.new)
    return "".join(lines)


class ShapeTable(msgspec.Struct, frozen=True, kw_only=True):
    """The shape trace of a network."""

    model: str
    inputs: tuple[InputSpec, ...]
    """The tensors that the network was given. Their dtypes are known."""
    outputs: tuple[Shape, ...]
    output_producers: tuple[int | None, ...] = ()
    """For each output, the index of the row without children that produced it, NETWORK_INPUT if it is an input, or None
    for any other tensor."""
    rows: tuple[ShapeRow, ...]
    """Rows in order of execution."""
    total_params: int
    trainable_params: int
    total_macs: int
    """Number of multiply-accumulate operations for one sample, except those of rows where the number is unknown."""
    unused: tuple[str, ...] = ()
    """Modules and parameters that the network never uses."""
    unused_params: int = 0
    """Number of parameters that this pass didn't use: those in `unused` and those in `not_used_in_pass`."""
    not_used_in_pass: tuple[NotUsed, ...] = ()
    """Modules and parameters that this pass didn't use, but another pass may use."""
    ran: Literal["real", "meta"] = "meta"
    """`real` if the network ran on real values, or `meta` if it ran on the meta device, which computes only shapes."""
    batch: int = 1
    """Number of samples in the pass. The numbers in the rows are for one sample: they were divided by this number."""
    samples_compared: bool = False
    """Whether it was tested if the samples of a batch affect each other. The test is skipped if it would take too
    long."""
    remarks: tuple[Remark, ...] = ()
    """Notes about a network that runs but looks wrong."""
    error: str | None = None
    """Why the network failed: what the failing operation expected, and what it was given."""
    error_file: str | None = None
    """File of the user's code that raised the error, or None if unknown."""
    error_line: int | None = None
    """Line in `error_file`."""
    timed_out: bool = False
    """Whether the network failed because it was stopped at the time limit."""
    fix: Fix | None = None
    """An edit of the network's file that fixes the error or, if there is none, the first row that mixes samples."""

    timed_on: str = ""
    """Device on which the calls were timed; empty if they were not timed."""
    timed_batch: int = 0
    """Batch size used for timing."""

    @property
    def seconds(self) -> float:
        """Duration of the forward and backward passes through the network."""
        return sum(row.seconds for row in self.rows if row.depth == 0)

    @property
    def has_unknown_macs(self) -> bool:
        """Whether `total_macs` lacks the MACs of at least one row."""
        return any(row.macs is None for row in self.rows)

    @property
    def input_size(self) -> Shape:
        """Shape of one sample of the first input; empty if the network takes no inputs."""
        return self.inputs[0].shape if self.inputs else ()

    @property
    def activation_bytes(self) -> int:
        """Memory allocated by one sample's forward pass if all outputs are kept for the backward pass."""
        return sum(row.activation_bytes for row in self.rows if row.depth == 0)
