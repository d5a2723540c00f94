"""The person's tensors, and the graph behind them, as the Playground shows them; and what it asks the kernel."""

from typing import Literal

import msgspec

from .weights import Histogram

Size = tuple[int, ...]
"""Of a whole tensor, batch axis included."""


class Probe(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A question about what lives in the kernel. Each says in its docstring what is answered."""


class ListTensors(Probe, frozen=True, kw_only=True):
    """TensorList."""


class ReadTensor(Probe, frozen=True, kw_only=True):
    """TensorInside: the values in a window of one tensor."""

    name: str
    """As in TensorRow."""
    at: Size = ()
    """Index of the window's first value, one number an axis; empty: the tensor's first. Pulled back where it ends."""
    rows: int
    columns: int
    """Of the window, along the last two axes."""


class OpenGraph(Probe, frozen=True, kw_only=True):
    """Graph, unfolded as far as GRAPH_NODES go; of the graph that is open already, all nodes that were handed out."""

    name: str


class ExpandGraph(Probe, frozen=True, kw_only=True):
    """Graph: the node and what is behind it, as far as GRAPH_NODES go."""

    node: int


class CloseGraph(Probe, frozen=True, kw_only=True):
    """None. Until then the kernel keeps the graph alive, and with it what its nodes have saved for backward()."""


MAX_GRAPH_NODES = 200
"""Most nodes that one answer describes anew."""


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """What values there are: of complex numbers their magnitudes, of truth values 0 and 1."""

    low: float | None
    """Over the finite values, as are `mean` and `high`; None where there is none."""
    mean: float | None
    high: float | None
    nans: int
    infinities: int
    sampled: int
    """How many values were looked at, drawn evenly; 0: all of them."""


class TensorRow(msgspec.Struct, frozen=True, kw_only=True):
    """A tensor or an array that a name leads to."""

    name: str
    """How Python reaches it: `x`, `batch[0]`, `net.conv1.weight`. May hold any character."""
    kind: Literal["tensor", "parameter", "buffer", "array"]
    shape: Size
    strides: Size
    """In elements; empty where the layout has none, as a sparse one."""
    dtype: str
    """`float32`."""
    device: str
    """`cpu`, `cuda:0`."""
    requires_grad: bool
    origin: str
    """`leaf`, or what made it: `MulBackward0`. Empty where autograd knows nothing of it."""
    has_grad: bool
    size: int
    """Bytes of its own values."""
    numbers: Statistics | None
    """None where it holds no values."""
    shares: int
    """Rows with the same number share memory; 0: with none of the others."""
    problem: str = ""
    """Why there are no numbers, in one line."""
    has_shape: bool = True
    """False for a nested tensor, whose parts differ in size."""


class TensorList(msgspec.Struct, frozen=True, kw_only=True):
    rows: tuple[TensorRow, ...]
    """In the order in which the names were defined; those inside of modules last."""
    more: int
    """Tensors that are left out since there are too many."""
    seconds: float
    """What it took to look at them."""


NO_TENSORS = TensorList(rows=(), more=0, seconds=0.0)


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Some values of a tensor: its last two axes as rows and columns."""

    at: Size
    """Index of the first value, one number an axis."""
    rows: int
    columns: int
    values: tuple[float | str, ...]
    """Row by row; what JSON has no number for as "NaN", "Infinity", "-Infinity"."""


class TensorValues(msgspec.Struct, frozen=True, kw_only=True):
    row: TensorRow
    offset: int
    """Of its first element in the storage, in elements."""
    layout: str
    """`contiguous`, `channels last`, `not contiguous`."""
    storage: int
    """Bytes of the memory that it is a view of."""
    histogram: Histogram | None
    """None where it holds no finite value."""
    window: Window | None
    grad: Statistics | None
    """Of its gradient."""


class GraphNode(msgspec.Struct, frozen=True, kw_only=True):
    """A step of the way that backward() goes."""

    id: int
    operation: str
    """`MulBackward0`; `leaf` for a tensor that gradients end in."""
    name: str
    """Of the tensors that it made and that are alive, or of the leaf; empty where there is none."""
    shape: Size | None
    """Of what it made; None where that isn't known."""
    numbers: Statistics | None
    """Of the tensor of that name."""
    grad: Statistics | None
    keeps_grad: bool
    """It is a leaf, or `retain_grad()` was called."""
    sources: tuple[int, ...]
    """Ids of what it was made from, in the order of the arguments. They may not have been described yet."""


class Graph(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    root: int
    is_scalar: bool
    """Then backward() needs no argument."""
    is_new: bool
    """It isn't the graph that was open before: older ids mean nothing any more."""
    nodes: tuple[GraphNode, ...]
