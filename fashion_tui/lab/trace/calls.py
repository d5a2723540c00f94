"""The calls of modules and functions that one pass through a network makes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from fashion_tui.schema.shapes import Shape

from .operands import Arguments
from .windows import WindowSettings


@dataclass(slots=True, eq=False)
class Call:
    """A call of a module or function, shown as one row. The shapes include the batch axis."""

    name: str
    path: str
    depth: int
    op: str
    is_module: bool
    settings: str
    inputs: list[Shape]
    sources: list[int | None]
    outputs: list[Shape] = field(default_factory=list)
    producers: list[int | None] = field(default_factory=list)
    """For each input, the index of the call without inner calls that produced it."""
    output_producers: list[int | None] = field(default_factory=list)
    """For each output, the index of the call without inner calls that produced it."""
    dtype: str = ""
    parameters: list[nn.Parameter] = field(default_factory=list)
    """Parameters that this call uses directly, excluding those used by the calls inside it."""
    parameter_names: list[str] = field(default_factory=list)
    """Names of the `parameters` in the network, such as `conv1.weight`."""
    macs: int = 0
    """MACs of this call, including the calls inside it."""
    has_unknown_macs: bool = False
    """Whether the call or a call inside it has operations whose MACs are unknown. `macs` doesn't include them."""
    new_bytes: int = 0
    """Memory allocated for the outputs, in bytes.

    It is 0 for a module whose inner calls are listed as separate rows.
    """
    target: Any = None
    """The module or function that is called."""
    arguments: tuple[Any, ...] = ()
    """A function's positional arguments that aren't tensors."""
    uses_unregistered: bool = False
    """Whether the call uses parameters that aren't registered with the network."""
    model_shapes: list[Shape] = field(default_factory=list)
    """Shapes of the arguments that are parameters, buffers or constants of the network."""
    window: WindowSettings | None = None
    """The window of a convolution or pool."""
    failed_arguments: Arguments | None = None
    """All arguments, if the call raised an error and no call inside it did."""


@dataclass(frozen=True, slots=True)
class Recording:
    batch: int
    device: str
    calls: list[Call]
    outputs: list[Shape]
    output_producers: list[int | None]
    returned: list[nn.Parameter]
    """The parameters among the outputs, for example of a network that returns a learned query as it is."""
    returned_type: str
    """Name of the type of the result, such as `float`."""
    macs: int
    error: BaseException | None
    failed: list[int]
    """Indices of the calls that the error passed through, the innermost last."""


RunCall = Callable[[Call, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
"""Called as `run(call, function, args, kwargs)` to run a function or an atomic module; returns the result."""

OnOutput = Callable[[Call, list[Tensor]], None]
"""Called with each completed call and its outputs."""
