"""Find out how a network uses its inputs, by running it on inputs that are easy to follow.

Each input that may be an index is filled with zeros, and the functions that it passes through are watched. If one of
them uses it as an index, the size of the indexed axis limits the integers that the network accepts. If the index is
computed from the input, as in `embedding(2 * x)`, a second pass on ones shows how it depends on the input.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Protocol

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from .compiled import without_modes_in_compiled
from .functions import function_name, is_assignment
from .index_uses import FIRST_OUTPUT_ONLY, INTEGER_ARITHMETIC, NEUTRAL, SHIFTS, VIEWS, IndexUse, index_uses, mask_of
from .macs import MacCounter
from .recurrent import is_recurrent
from .tensors import tensors_in

Kind = Literal["number", "integer", "mask"]
"""What an input is used as: floating-point or complex numbers, integers, or booleans."""

Range = tuple[int, int]
"""The lowest integer, and the highest integer plus 1."""

BATCHES = (2, 1)
"""Batch sizes of the passes. The second is used only if the network fails with the first."""


class ProbedNetwork(Protocol):
    """A network that can be run on simple inputs."""

    def make(self, batch: int, kinds: Sequence[Kind | None], fill: int) -> list[Tensor]:
        """Create the inputs for `batch` samples.

        Integers, and inputs of an unknown kind, are filled with the integer `fill`. Inputs of an unknown kind are
        floating-point.
        """

    def run(self, tensors: Sequence[Tensor]) -> object:
        """Call the network."""


MAX_CALLS = 2000
"""Number of function calls without a new use of an index, after which a pass ends."""
MAX_MACS = 10**9
"""Number of multiply-accumulates after which a pass ends. Indices are nearly always used at the beginning."""


@dataclass(frozen=True, slots=True)
class InputUse:
    """How a network uses one of its inputs."""

    kind: Kind
    range: Range | None
    """The integers that the network accepts, or None if nothing limits them."""


@dataclass(frozen=True, slots=True)
class InputUses:
    """How a network uses its inputs."""

    uses: list[InputUse]
    """The use of each input."""
    is_certain: bool
    """Whether the network ran without an error, and every index was an input or had known values."""


def find_uses(network: ProbedNetwork, kinds: Sequence[Kind | None]) -> InputUses:
    """Return how a network uses each input. `kinds` has the kinds that are already known.

    Errors of the network end the pass and are ignored.
    """
    for batch in BATCHES:
        probe = _Probe(kinds)
        completed = probe.watch(network, network.make(batch, kinds, 0))
        if completed:
            break
    else:
        probe, completed = _with_integers(network, probe)
    ranges: list[Range | None] = [None] * len(kinds)
    for limit, other in zip(probe.limits, _limits_for_ones(network, probe, batch), strict=True):
        for index in limit.inputs:
            ranges[index] = _intersect(ranges[index], limit.range_of_input(other))
    uses = [InputUse(kind or "number", range_) for kind, range_ in zip(probe.kinds, ranges, strict=True)]
    return InputUses(uses, completed and all(limit.values is not None or limit.is_input for limit in probe.limits))


def _with_integers(network: ProbedNetwork, probe: "_Probe") -> tuple["_Probe", bool]:
    """Return a probe of the network on integers, and True, if it fails on floating-point numbers only.

    This is for networks that use the input where it can't be watched, such as in compiled code or as a list's index.
    If the network fails on integers too, return `probe` and False.
    """
    unknown = [index for index, kind in enumerate(probe.kinds) if kind is None]
    guesses = [[index] for index in unknown] + ([unknown] if len(unknown) > 1 else [])
    for guess in guesses:
        kinds: list[Kind | None] = ["integer" if index in guess else kind for index, kind in enumerate(probe.kinds)]
        for batch in BATCHES:
            other = _Probe(kinds)
            if other.watch(network, network.make(batch, kinds, 0)):
                return other, True
    return probe, False


def _limits_for_ones(network: ProbedNetwork, probe: "_Probe", batch: int) -> list["_Limit | None"]:
    """Return the same limits in a pass on ones, if they are needed. A limit is None if it doesn't occur there."""
    others: list[_Limit | None] = []
    if any(limit.values is not None and not limit.is_shifted for limit in probe.limits):
        second = _Probe(probe.kinds, max_limits=len(probe.limits))
        second.watch(network, network.make(batch, probe.kinds, 1))
        others = [*second.limits]
    return [*others, *[None] * len(probe.limits)][: len(probe.limits)]


@dataclass(frozen=True, slots=True)
class _Limit:
    """A use of an index that was computed from inputs."""

    inputs: frozenset[int]
    """The inputs from which the index was computed."""
    values: Tensor | None
    """The values of the index, or None on the meta device."""
    low: int
    high: int
    is_input: bool
    """Whether the values of the index are values of an input."""
    is_shifted: bool
    """Whether the values of the index are values of an input plus constants."""

    def range_of_input(self, other: "_Limit | None") -> Range | None:
        """Return the integers for which the index is valid. `other` is the same limit in a pass on ones."""
        if self.values is None or self.is_input:
            return self.low, self.high
        if self.is_shifted:
            slopes = torch.ones_like(self.values)
        elif other is None or other.values is None or other.values.shape != self.values.shape:
            return None
        else:
            slopes = other.values - self.values
        values, slopes = self.values[slopes != 0], slopes[slopes != 0]
        if not slopes.numel():
            return None
        ends = torch.stack([(self.low - values) / slopes, (self.high - 1 - values) / slopes])
        return max(int(ends.amin(0).max().ceil()), 0), int(ends.amax(0).min().floor()) + 1


def _intersect(first: Range | None, second: Range | None) -> Range | None:
    """Return the integers in both ranges. If there are none, return the first range."""
    if first is None or second is None:
        return first or (second if second and second[0] < second[1] else None)
    both = max(first[0], second[0]), min(first[1], second[1])
    return both if both[0] < both[1] else first


class _AllKnown(BaseException):
    """Raised to end a pass when nothing more will be found out. Not an Exception, which the network could catch."""


@dataclass(frozen=True, slots=True)
class _Origin:
    """How a tensor was made from inputs."""

    inputs: frozenset[int]
    is_input: bool
    """Whether its values are values of inputs."""
    is_shifted: bool
    """Whether its values are values of inputs plus constants."""


class _Probe(TorchFunctionMode):
    """A context manager that watches what happens to the inputs."""

    def __init__(self, kinds: Sequence[Kind | None], *, max_limits: int | None = None) -> None:
        """Create a probe. `kinds` has the known kinds; the pass ends after `max_limits` uses of an index."""
        super().__init__()
        self.kinds = [*kinds]
        self.limits: list[_Limit] = []
        self._max_limits = max_limits
        self._counter = MacCounter()
        self._calls = 0
        """Number of function calls since the last use of an index."""
        self._origins: dict[int, _Origin] = {}
        """The origin of each tensor that was made from inputs, keyed by `id`."""
        self._kept: list[Any] = []
        """The tensors whose `id` is a key, kept alive so that no other tensor gets the same id."""

    def watch(self, network: ProbedNetwork, tensors: list[Tensor]) -> bool:
        """Run the network on the inputs, and return whether it raised no error."""
        for index, tensor in enumerate(tensors):
            self._set_origin(tensor, _Origin(frozenset({index}), is_input=True, is_shifted=True))
        try:
            with torch.enable_grad(), tensors[0].device, self._counter, self, without_modes_in_compiled(_run):
                network.run(tensors)
        except _AllKnown:
            return True
        except (Exception, SystemExit):  # noqa: BLE001 - the user's code may raise anything; the trace raises it again
            return False
        return True

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        self._calls += 1
        if self._calls > MAX_CALLS or self._counter.total > MAX_MACS:
            raise _AllKnown
        run = partial(self._counter.run_recurrent, func) if is_recurrent(func) else func
        tensors = tensors_in((args, kwargs))
        origins = [self._origins[id(tensor)] for tensor in tensors if id(tensor) in self._origins]
        if not origins:
            return run(*args, **kwargs)
        replaced = {id(tensor): new for tensor, new in self._index_arguments(func, args, kwargs)}
        if replaced:
            args, kwargs = pytree.tree_map(lambda value: replaced.get(id(value), value), (args, kwargs))
        name = function_name(func)
        result = run(*args, **kwargs)
        outputs = tensors_in(args[0] if is_assignment(name) else result)
        others = [tensor for tensor in tensors if id(tensor) not in replaced]
        if outputs and name not in NEUTRAL and any(id(tensor) in self._origins for tensor in others):
            self._follow(name, others, (args, kwargs), outputs[:1] if name in FIRST_OUTPUT_ONLY else outputs)
        return result

    def _index_arguments(
        self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield each argument that is used as an index or a mask, and a valid index or mask that replaces it."""
        mask = mask_of(func, args, kwargs)
        if mask is not None and (origin := self._origins.get(id(mask))) and self._decide(origin.inputs, "mask"):
            yield mask, mask.bool()
        for use in index_uses(func, args, kwargs):
            origin = self._origins.get(id(use.indices))
            if origin is not None and self._decide(origin.inputs, "integer"):
                indices = use.indices.long()
                if use.high is not None:
                    self._add_limit(use, use.high, origin)
                    indices = indices.clamp(use.low, use.high - 1)
                yield use.indices, indices

    def _add_limit(self, use: IndexUse, high: int, origin: _Origin) -> None:
        values = None if use.indices.is_meta else use.indices.detach().cpu().double().flatten()
        if use.indices.numel():
            self._calls = 0
            self.limits.append(_Limit(origin.inputs, values, use.low, high, origin.is_input, origin.is_shifted))
        if len(self.limits) == self._max_limits:
            raise _AllKnown

    def _follow(self, name: str, tensors: list[Tensor], arguments: Any, outputs: list[Tensor]) -> None:
        """Set the origin of a function's outputs, or note that the function computes with numbers."""
        inputs = [self._origins[id(tensor)] for tensor in tensors if id(tensor) in self._origins]
        all_inputs = frozenset[int]().union(*(origin.inputs for origin in inputs))
        is_input = all(origin.is_input for origin in inputs)
        is_shifted = all(origin.is_shifted for origin in inputs)
        if name in VIEWS:
            origin = _Origin(all_inputs, is_input, is_shifted)
        elif name in INTEGER_ARITHMETIC and not self._has_numbers(tensors, arguments):
            first = next(iter(arguments[0]), None)
            adds_constant = name in SHIFTS and len(inputs) == 1 and id(first) in self._origins
            is_shifted = is_shifted and adds_constant and "alpha" not in arguments[1]
            origin = _Origin(all_inputs, is_input=False, is_shifted=is_shifted)
        else:
            self._decide(all_inputs, "number")
            if "integer" not in self.kinds and None not in self.kinds:
                raise _AllKnown
            return
        for output in outputs:
            self._set_origin(output, origin)

    def _has_numbers(self, tensors: list[Tensor], arguments: Any) -> bool:
        """Return whether a function combines an input with floating-point numbers that don't come from an input."""
        is_number = any(isinstance(value, float) for value in pytree.tree_leaves(arguments))
        others = [tensor for tensor in tensors if id(tensor) not in self._origins]
        return is_number or any(tensor.is_floating_point() or tensor.is_complex() for tensor in others)

    def _decide(self, inputs: frozenset[int], kind: Kind) -> bool:
        """Set the kind of those inputs whose kind is unknown. Return whether one of the inputs has this kind."""
        for index in inputs:
            self.kinds[index] = self.kinds[index] or kind
        return any(self.kinds[index] == kind for index in inputs)

    def _set_origin(self, tensor: Tensor, origin: _Origin) -> None:
        self._kept.append(tensor)
        self._origins[id(tensor)] = origin


def _run(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    return function(*args)
