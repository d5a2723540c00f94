"""The inputs of a traced network: find out their dtypes and the valid integers, and create their values."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import msgspec
import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from fashion_tui.lab.rng import preserve_rng_state
from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.inputs import MAX_VALUES, InputSpec
from fashion_tui.schema.shapes import Shape

from .cost import is_small
from .forward_signature import check_arguments, takes_dict
from .input_probe import Kind, Range, find_uses
from .model_copy import CPU, META, copy_model, has_values
from .structure import parameters_of
from .tensors import tensors_in

Distribution = Literal["uniform", "normal"]

CreateInputs = Callable[[int], Any]
"""Returns the inputs for a batch size: a tuple of positional arguments, a dict of keyword arguments, or one argument.

A named tuple is one argument.
"""

AnyInputs = Shape | Sequence[Shape | InputSpec] | CreateInputs
"""The shape of one sample of the only input; or the shape or the specification of each input; or a function."""


class Arguments(NamedTuple):
    """The arguments of a call of a network."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class NetworkInputs(Protocol):
    """Creates the inputs of a network."""

    specs: tuple[InputSpec, ...]
    """Describes each tensor in the inputs. Every dtype is known."""

    @property
    def sample_values(self) -> int:
        """Number of values in one sample of all inputs."""
        return sum(math.prod(spec.shape) for spec in self.specs)

    def make(
        self, batch: int, device: torch.device = CPU, *, seed: int = 0, distribution: Distribution = "uniform"
    ) -> Arguments:
        """Create inputs for `batch` samples. The same arguments give the same values.

        Floating-point values are drawn from U[0, 1) or, if `distribution` is "normal", from N(0, 1). Integers are drawn
        from the range that the network accepts.
        """


SAMPLES = 4
"""Number of samples that don't depend on the batch size."""
_SEEDS = 1000
"""Difference between the seeds of two inputs."""


class SpecifiedInputs(NetworkInputs):
    """Inputs with random values and known shapes, dtypes and ranges."""

    def __init__(self, specs: Sequence[InputSpec], ranges: Sequence[Range | None], *, as_dict: bool = False) -> None:
        """Create inputs. `ranges` has the integers that each input may contain, or None for the default range.

        If `as_dict` is True, the inputs are passed as a single argument, which is a dict.
        """
        self.specs = tuple(specs)
        self._ranges = tuple(ranges)
        self._as_dict = as_dict

    def make(
        self, batch: int, device: torch.device = CPU, *, seed: int = 0, distribution: Distribution = "uniform"
    ) -> Arguments:
        return self.arguments(self.tensors(batch, device, seed=seed, distribution=distribution))

    def arguments(self, tensors: Sequence[Tensor]) -> Arguments:
        """Pass the tensors by name if they have one, and otherwise by position."""
        pairs = [*zip(self.specs, tensors, strict=True)]
        named = {spec.name: tensor for spec, tensor in pairs if spec.name is not None}
        if self._as_dict:
            return Arguments((named,), {})
        return Arguments(tuple(tensor for spec, tensor in pairs if spec.name is None), named)

    def tensors(
        self, batch: int, device: torch.device = CPU, *, seed: int = 0, distribution: Distribution = "uniform"
    ) -> list[Tensor]:
        """Create one tensor for each specification, in the same order.

        The first samples are the same for each batch size up to SAMPLES, so the network's code treats them alike.
        """
        tensors = []
        for index, (spec, integers) in enumerate(zip(self.specs, self._ranges, strict=True)):
            generator = torch.Generator().manual_seed(seed + index * _SEEDS)
            dtype = _dtype_named(spec.dtype)
            if device == META:
                shape = (batch, *spec.shape) if spec.batched else spec.shape
                tensors.append(torch.empty(shape, dtype=dtype, device=device))
            elif spec.batched:
                shape = (max(batch, SAMPLES), *spec.shape)
                tensors.append(_draw(shape, dtype, integers, distribution, generator)[:batch].clone().to(device))
            else:
                tensors.append(_draw(spec.shape, dtype, integers, distribution, generator).to(device))
        return tensors


class FunctionInputs(NetworkInputs):
    """Inputs that a user's function creates."""

    def __init__(self, function: CreateInputs) -> None:
        self._function = function
        two, three = (_named_tensors(self.make(batch)) for batch in (2, 3))
        others = [*(tensor for _, tensor in three), *[None] * len(two)]
        self.specs = tuple(_describe(*named, other) for named, other in zip(two, others, strict=False))

    def make(
        self, batch: int, device: torch.device = CPU, *, seed: int = 0, distribution: Distribution = "uniform"
    ) -> Arguments:
        """Call the function with torch's generator seeded. The function chooses the values and their distribution."""
        del distribution
        with preserve_rng_state():
            torch.manual_seed(seed)
            value = self._function(batch)
        if value is None:
            name = getattr(self._function, "__name__", "the function")
            raise UsageError(f"{name} returned None instead of the inputs; it needs a `return`")
        if type(value) is tuple:
            return Arguments(_move(value, device), {})
        if isinstance(value, dict):
            return Arguments((), _move(value, device))
        return Arguments((_move(value, device),), {})


def resolve_inputs(model: nn.Module, inputs: AnyInputs, *, live: bool = False) -> NetworkInputs:
    """Find out the dtype of each input and the integers that the model accepts.

    A copy of the model runs until each input's use is known: on the CPU if the model is small, and otherwise on the
    meta device. If the use then depends on values, another copy runs on the CPU, unless `live` is True. If the model's
    weights have no values, only the meta device is used. An input without a dtype becomes an integer if it is used as
    an index, and boolean if it is used as a mask. Otherwise, it has the dtype of the model's weights.

    Several inputs with names that `forward` doesn't know are passed as a dict, if it has a single argument.

    Raises UsageError if `inputs` is invalid or doesn't match the arguments of the model's `forward`.
    """
    if callable(inputs):
        created = FunctionInputs(inputs)
        check_arguments(model, *created.make(2))
        return created
    specs = check_inputs(inputs)
    as_dict = takes_dict(model, {spec.name for spec in specs})
    unresolved = SpecifiedInputs(specs, [None] * len(specs), as_dict=as_dict)
    check_arguments(model, *unresolved.arguments([torch.empty(0)] * len(specs)))
    numbers = _dtype_of_weights(model)
    kinds = [None if spec.dtype is None else _kind_of(spec.dtype) for spec in specs]
    ranges: list[Range | None] = [None] * len(specs)
    if None in kinds or "integer" in kinds:
        for device in _devices(model, specs, live=live):
            found = find_uses(_ProbedModel(copy_model(model, device), device, unresolved, numbers), kinds)
            if found.is_certain:
                break
        kinds, ranges = [use.kind for use in found.uses], [use.range for use in found.uses]
    return SpecifiedInputs(_with_dtypes(specs, kinds, numbers), ranges, as_dict=as_dict)


def _devices(model: nn.Module, specs: Sequence[InputSpec], *, live: bool) -> tuple[torch.device, ...]:
    """Return the devices on which to run the model. The first use of the meta device in a process takes 1 s."""
    if not has_values(model):
        return (META,)
    if is_small(model, sum(math.prod(spec.shape) for spec in specs)):
        return (CPU,)
    return (META,) if live else (META, CPU)


class _ProbedModel:
    """Runs a model on inputs that are easy to follow."""

    def __init__(self, model: nn.Module, device: torch.device, inputs: SpecifiedInputs, numbers: torch.dtype) -> None:
        """Use a copy of a model, because running it may change it. `numbers` is the dtype of floating-point inputs."""
        self._model = model
        self._device = device
        self._inputs = inputs
        self._numbers = numbers

    def make(self, batch: int, kinds: Sequence[Kind | None], fill: int) -> list[Tensor]:
        specs = _with_dtypes(self._inputs.specs, kinds, self._numbers)
        tensors = SpecifiedInputs(specs, [None] * len(specs)).tensors(batch, self._device)
        pairs = zip(tensors, kinds, strict=True)
        return [tensor if kind in {"number", "mask"} else tensor.fill_(fill) for tensor, kind in pairs]

    def run(self, tensors: Sequence[Tensor]) -> object:
        arguments = self._inputs.arguments(tensors)
        return self._model(*arguments.args, **arguments.kwargs)


def check_inputs(inputs: Any) -> tuple[InputSpec, ...]:
    """Convert a shape, or a sequence of shapes and specifications, to a tuple of specifications.

    Raises UsageError if a shape is invalid.
    """
    given: Any = tuple(inputs) if isinstance(inputs, Sequence) and not isinstance(inputs, str) else ()
    if not given or not isinstance(given[0], Sequence | InputSpec):
        given = (given,)
    specs = []
    for item in given:
        shape = item.shape if isinstance(item, InputSpec) else item
        is_empty = not isinstance(item, InputSpec) and not item
        if is_empty or not isinstance(shape, Sequence) or not all(type(size) is int and size > 0 for size in shape):
            raise UsageError(
                f"invalid input size {inputs!r}; give the shape of one sample as positive integers, "
                "without the batch axis, such as 1x28x28"
            )
        spec = item if isinstance(item, InputSpec) else InputSpec(shape=tuple(shape))
        if math.prod(spec.shape) > MAX_VALUES:
            raise UsageError(f"the input size {spec} has {math.prod(shape):,} values; it may have at most 2**31")
        specs.append(spec)
    return tuple(specs)


def _dtype_of_weights(model: nn.Module) -> torch.dtype:
    """Return the dtype of the model's weights; float32 if they have several dtypes, or if there are none."""
    dtypes = {parameter.dtype for parameter in parameters_of(model) if parameter.is_floating_point()}
    return dtypes.pop() if len(dtypes) == 1 else torch.float32


def _dtype_named(name: str | None) -> torch.dtype:
    dtype: torch.dtype = getattr(torch, name or "float32")
    return dtype


def _kind_of(dtype: str) -> Kind:
    if dtype == "bool":
        return "mask"
    return "number" if dtype.startswith(("float", "bfloat", "complex")) else "integer"


def _with_dtypes(
    specs: Sequence[InputSpec], kinds: Sequence[Kind | None], numbers: torch.dtype
) -> tuple[InputSpec, ...]:
    """Fill in the missing dtypes. An input of unknown kind is a number."""
    names = {"integer": "int64", "mask": "bool"}
    default = str(numbers).removeprefix("torch.")
    return tuple(
        msgspec.structs.replace(spec, dtype=spec.dtype or names.get(kind or "", default))
        for spec, kind in zip(specs, kinds, strict=True)
    )


def _draw(
    shape: Shape, dtype: torch.dtype, integers: Range | None, distribution: Distribution, generator: torch.Generator
) -> Tensor:
    """Return random values. The default range of integers is that of images for uint8, and otherwise 0 and 1."""
    if dtype.is_floating_point or dtype.is_complex:
        draw = torch.rand if distribution == "uniform" else torch.randn
        has_generator = dtype in {torch.float32, torch.float64, torch.complex64, torch.complex128}
        return draw(shape, generator=generator, dtype=dtype if has_generator else torch.float32).to(dtype)
    low, high = integers or ((0, 256) if dtype == torch.uint8 else (0, 2))
    return torch.randint(low, high, shape, generator=generator).to(dtype)


def _move(value: Any, device: torch.device) -> Any:
    """Move the tensors in nested containers, and objects with a method `to`, to a device."""
    return pytree.tree_map(
        lambda leaf: leaf.to(device) if hasattr(leaf, "to") else leaf,
        value,
        is_leaf=lambda leaf: hasattr(leaf, "to"),
    )


def _named_tensors(arguments: Arguments) -> list[tuple[str | None, Tensor]]:
    """Return all tensors. Those that are arguments themselves, not parts of an argument, have the argument's name."""
    unnamed: list[tuple[str | None, Tensor]] = [(None, tensor) for tensor in tensors_in(arguments.args)]
    return unnamed + [
        (name if value is tensor else None, tensor)
        for name, value in arguments.kwargs.items()
        for tensor in tensors_in(value)
    ]


def _describe(name: str | None, tensor: Tensor, other: Tensor | None) -> InputSpec:
    """Describe one sample of a tensor of a batch of 2.

    `other` is the same tensor of a batch of 3, or None if there is none. The first axis whose sizes are in the ratio 2
    to 3 grows with the batch. It is the batch axis if its size is 2, and otherwise has several values for each sample.
    """
    shape = tuple(tensor.shape)
    if other is not None and other.dim() == tensor.dim():
        ratios = [0 < 3 * size == 2 * larger for size, larger in zip(shape, other.shape, strict=True)]
    else:
        ratios = [size == 2 for size in shape[:1]]
    batched = any(ratios)
    if batched:
        axis = ratios.index(True)
        one = () if shape[axis] == 2 else (shape[axis] // 2,)
        shape = (*shape[:axis], *one, *shape[axis + 1 :])
    dtype = str(tensor.dtype).removeprefix("torch.")
    return InputSpec(shape=shape, dtype=dtype, name=name, batched=batched)
