"""Inputs of a network: a shape and a dtype for each input, or a function that creates them."""

import math
from collections.abc import Sequence

import msgspec

from .errors import UsageError
from .paths import user_path

DTYPES = (
    "float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool",
    "complex64", "complex128",
)  # fmt: skip
"""Names of the dtypes that an input may have."""

_ALIASES = {
    "float": "float32", "double": "float64", "half": "float16", "long": "int64", "int": "int32", "short": "int16",
    "byte": "uint8", "cfloat": "complex64", "cdouble": "complex128",
}  # fmt: skip
"""Maps torch's other names of dtypes to those in `DTYPES`."""

UNBATCHED = "@"
"""Prefix of a shape without a batch axis."""

MAX_VALUES = 2**31
"""Maximum number of values in one sample of an input."""

EXAMPLE = "write [NAME=]SHAPE[:DTYPE], such as 1x28x28, t=:int64 or mask=@5x5:bool"


class InputSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Describes one tensor that is passed to a network."""

    shape: tuple[int, ...]
    """Shape of one sample, without the batch axis; empty if each sample is a single value. If `batched` is False, the
    shape of the whole tensor."""
    dtype: str | None = None
    """A name in `DTYPES`, or None to choose the dtype that the network needs."""
    name: str | None = None
    """Name of the argument of `forward`, or None to pass the tensor by position."""
    batched: bool = True
    """Whether the tensor has a batch axis in front of `shape`."""

    def __str__(self) -> str:
        """Return the string that `parse_input` parses to this value."""
        name = f"{self.name}=" if self.name else ""
        shape = ("" if self.batched else UNBATCHED) + "x".join(map(str, self.shape))
        dtype = f":{self.dtype}" if self.dtype else ""
        return f"{name}{shape}{dtype}"


class InputFunction(msgspec.Struct, frozen=True, kw_only=True):
    """A function in a Python file that returns a network's inputs for a given batch size.

    The function returns a tuple of positional arguments, a dict of keyword arguments, or a single argument.
    """

    file: str
    function: str

    def __str__(self) -> str:
        """Return the string that `parse_input_function` parses to this value."""
        return f"{self.file}:{self.function}"


Inputs = tuple[InputSpec, ...] | InputFunction
"""The inputs of a network. An empty tuple stands for the network's default input."""


def parse_input(string: str) -> InputSpec:
    """Parse an input such as `1x28x28`, `t=:int64` or `mask=@5x5:bool`. Raises UsageError if it is invalid."""
    name, has_name, rest = string.rpartition("=")
    shape, has_dtype, dtype = rest.strip().partition(":")
    if not string.strip():
        raise UsageError(f"an input is empty; {EXAMPLE}")
    if has_name and not name.strip().isidentifier():
        raise UsageError(f"invalid name {name.strip()!r} in the input {string!r}; {EXAMPLE}")
    return InputSpec(
        shape=_parse_sizes(shape.removeprefix(UNBATCHED), string),
        dtype=_parse_dtype(dtype.strip(), string) if has_dtype else None,
        name=name.strip() or None,
        batched=not shape.startswith(UNBATCHED),
    )


def parse_inputs(strings: Sequence[str]) -> tuple[InputSpec, ...]:
    """Parse one string for each input. Raises UsageError if one is invalid or if two have the same name."""
    specs = tuple(map(parse_input, strings))
    names = [spec.name for spec in specs if spec.name is not None]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise UsageError(f"the input {repeated} is given more than once")
    return specs


def parse_input_function(string: str) -> InputFunction:
    """Parse the name of a function such as `net.py:make_inputs`. Raises UsageError if it is invalid."""
    file, _, function = string.rpartition(":")
    if not file.endswith(".py") or not function.isidentifier():
        raise UsageError(f"invalid function {string!r}; write FILE.py:FUNCTION")
    return InputFunction(file=str(user_path(file, "the file of the inputs")), function=function)


def _parse_sizes(string: str, whole: str) -> tuple[int, ...]:
    try:
        shape = tuple(int(size) for size in string.lower().replace("×", "x").split("x")) if string.strip() else ()
    except ValueError:
        shape = (0,)
    if any(size < 1 for size in shape):
        raise UsageError(f"invalid input shape {string!r}; write positive integers separated by x, such as 1x28x28")
    if math.prod(shape) > MAX_VALUES:
        raise UsageError(f"the input {whole} has {math.prod(shape):,} values; it may have at most 2**31")
    return shape


def _parse_dtype(string: str, whole: str) -> str:
    name = string.removeprefix("torch.").lower()
    dtype = _ALIASES.get(name, name)
    if dtype not in DTYPES:
        raise UsageError(f"unknown dtype {string!r} in the input {whole!r}; choose from {', '.join(DTYPES)}")
    return dtype
