"""The user's tensors and autograd graph as the Playground shows them, and the requests (probes) for them."""

from typing import Literal

import msgspec

from .floats import JsonFloat
from .kernel import Probe
from .weights import Histogram

Size = tuple[int, ...]
"""Shape of a whole tensor, including the batch axis."""


class ListTensors(Probe, frozen=True, kw_only=True):
    """Ask for all tensors and arrays that the user's names refer to; the reply is a TensorList."""


class ReadTensor(Probe, frozen=True, kw_only=True):
    """Ask for one tensor, including a window of its values; the reply is a TensorValues."""

    name: str
    """Name as in TensorRow."""
    start: Size = ()
    """Index of the window's first value; empty for the start of the tensor. If necessary, the window is moved to fit
    into the tensor."""
    rows: int
    """Number of values in the window along the second-to-last axis."""
    columns: int
    """Number of values in the window along the last axis."""


class OpenGraph(Probe, frozen=True, kw_only=True):
    """Ask for the autograd graph of a tensor; the reply is a Graph with up to MAX_GRAPH_NODES nodes.

    If the graph is already open, the reply contains all nodes sent so far.
    """

    name: str
    """Name as in TensorRow."""


class ExpandGraph(Probe, frozen=True, kw_only=True):
    """Ask for more nodes of the open graph; the reply is a Graph that begins with `node`."""

    node: int
    """Id of the node."""


class CloseGraph(Probe, frozen=True, kw_only=True):
    """Release the open graph and the tensors that its nodes have saved for backward(); the reply is None."""


MAX_GRAPH_NODES = 200
"""Maximum number of new nodes in a Graph."""


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """Statistics of a tensor's values. Complex values are replaced by their magnitudes, booleans by 0 and 1."""

    low: float | None
    """Smallest finite value. `low`, `mean` and `high` are None if no value is finite."""
    mean: float | None
    """Mean of the finite values."""
    high: float | None
    """Largest finite value."""
    nans: int
    infinities: int
    sample_size: int
    """Number of values drawn at random to estimate the statistics; 0 if all values were used."""


class TensorRow(msgspec.Struct, frozen=True, kw_only=True):
    """A tensor or array that a name refers to."""

    name: str
    """Python expression for the tensor: `x`, `batch[0]`, `net.conv1.weight`. It may contain unprintable characters."""
    kind: Literal["tensor", "parameter", "buffer", "array"]
    shape: Size
    strides: Size
    """Strides in elements; empty for layouts without strides, such as sparse ones."""
    dtype: str
    """Data type: `float32`."""
    device: str
    """Device: `cpu`, `cuda:0`."""
    requires_grad: bool
    origin: str
    """Operation that created the tensor, such as `MulBackward0`; `leaf` for a leaf tensor; empty if autograd doesn't
    track the tensor."""
    has_grad: bool
    nbytes: int
    """Size of the values, in bytes."""
    statistics: Statistics | None
    """Statistics of the values, or None if the tensor has no values or they could not be read."""
    memory_group: int
    """Number of the group of rows that share memory with this row; 0 if there are no such rows."""
    problem: str = ""
    """One-line reason why there are no statistics."""
    has_shape: bool = True
    """Whether the tensor has a single shape. The components of a nested tensor have different shapes."""
    first_listing: int = 0
    """Number of the first TensorList that contained this tensor under this name. New tensors have the highest
    number."""


class TensorList(msgspec.Struct, frozen=True, kw_only=True):
    """The tensors and arrays in the kernel."""

    rows: tuple[TensorRow, ...]
    """Rows in the order in which the names were defined; tensors inside modules come last."""
    omitted: int
    """Number of tensors that were left out because the list would be too long."""
    seconds: float
    """Time needed to create the list, in seconds."""


NO_TENSORS = TensorList(rows=(), omitted=0, seconds=0.0)


class TensorWindow(msgspec.Struct, frozen=True, kw_only=True):
    """A block of a tensor's values. Its rows and columns are the tensor's last two axes."""

    start: Size
    """Index of the window's first value."""
    rows: int
    columns: int
    values: tuple[JsonFloat, ...]
    """Values row by row."""


class TensorValues(msgspec.Struct, frozen=True, kw_only=True):
    """A tensor's properties and some of its values."""

    row: TensorRow
    storage_offset: int
    """Offset of the first element in the storage, in elements."""
    layout: str
    """Memory layout: `contiguous`, `channels last` or `not contiguous`."""
    storage_nbytes: int
    """Size of the underlying storage, in bytes."""
    histogram: Histogram | None
    """Histogram of the finite values, or None if no value is finite."""
    window: TensorWindow | None
    """The requested values, or None if they could not be read."""
    grad_statistics: Statistics | None
    """Statistics of the gradient, or None if the tensor has no gradient."""


class GraphNode(msgspec.Struct, frozen=True, kw_only=True):
    """A node of the autograd graph."""

    id: int
    operation: str
    """Type of the node, such as `MulBackward0`, or `leaf` for a tensor that accumulates gradients."""
    name: str
    """Name of the tensor that the node produced, or of the leaf; empty if no name refers to it."""
    shape: Size | None
    """Shape of the tensor that the node produced, or None if unknown."""
    statistics: Statistics | None
    """Statistics of the tensor that `name` refers to, or None if there are none."""
    grad_statistics: Statistics | None
    """Statistics of the gradient of the tensor that `name` refers to, or None if there are none."""
    keeps_grad: bool
    """Whether the tensor keeps its gradient, because it is a leaf or `retain_grad()` was called."""
    sources: tuple[int, ...]
    """Ids of the nodes that produced the inputs, in argument order. Some of these nodes may not have been sent yet."""


class Graph(msgspec.Struct, frozen=True, kw_only=True):
    """Part of the open autograd graph."""

    name: str
    """Name of the tensor for which the graph was opened."""
    root: int
    """Id of the tensor's node, which is the root of the graph."""
    is_scalar: bool
    """Whether the tensor is a scalar. If so, backward() needs no argument."""
    is_new: bool
    """Whether the graph was just opened. If so, the ids of the previous graph are no longer valid."""
    nodes: tuple[GraphNode, ...]
