"""The entry point of the shape trace."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import nn

from fashion_tui.lab.rng import preserve_rng_state
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.shapes import ShapeTable

from .cost import SMALL_MODEL, parameter_bytes
from .explain import Repair
from .inputs import AnyInputs, resolve_inputs
from .passes import record_passes
from .runner import Runner
from .table import make_table
from .timing import add_times


def trace(  # noqa: PLR0913 - each is an independent choice
    model: nn.Module,
    inputs: AnyInputs,
    *,
    name: str | None = None,
    measure: torch.device | None = None,
    live: bool = False,
    repair: Repair | None = None,
) -> ShapeTable:
    """Return a table with a row for each call of a module, or of a function that changes or computes data.

    The model is not changed. A copy of it runs on the CPU, with real values and one sample if possible. If the model is
    too large for that, or on the meta device, the copy runs on the meta device instead, where no values are computed.
    If the model raises an error, the table contains the error and the calls up to that point.

    If `live` is True, the answer comes as fast as possible: all but small models run on the meta device, and the search
    for mixed samples and unused parameters doesn't use real values.

    `inputs` is the shape of one sample, without the batch axis, such as `(1, 28, 28)`, or a sequence of shapes or
    specifications for several inputs, or a function that returns the inputs for a batch size. Floating-point values are
    drawn from U[0, 1) with a fixed seed. `name` is the model's name in the table and defaults to the name of its class.
    If `measure` is given and the model raises no error, the calls are also timed on that device, which takes a few
    seconds. If `repair` is given and the model raises an error, the table contains an edit that fixes it, if one is
    found.

    Raises UserError if `model` is not an `nn.Module`, and UsageError if `inputs` is invalid.
    """
    if not isinstance(model, nn.Module):
        raise UserError(f"expected an instance of nn.Module, got {_describe(model)}")
    with preserve_rng_state(), _single_thread() if parameter_bytes(model) <= SMALL_MODEL else nullcontext():
        resolved = resolve_inputs(model, inputs, live=live)
        runner = Runner(model, resolved)
        chosen = record_passes(runner, live=live)
        table = make_table(chosen, runner, name or type(model).__name__, repair)
        return table if measure is None or table.error else add_times(table, model, resolved, measure)


def _describe(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"


@contextmanager
def _single_thread() -> Iterator[None]:
    """Let torch compute on one thread. Small networks don't gain from more, and lose if other programs are busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
