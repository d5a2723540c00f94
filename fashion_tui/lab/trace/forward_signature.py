"""Compare the inputs of a network with the arguments of its `forward`."""

import inspect
from collections.abc import Mapping
from typing import Any

from torch import nn

from fashion_tui.schema.errors import UsageError

_Parameter = inspect.Parameter
_POSITIONAL = (_Parameter.POSITIONAL_ONLY, _Parameter.POSITIONAL_OR_KEYWORD)
_VARIADIC = (_Parameter.VAR_POSITIONAL, _Parameter.VAR_KEYWORD)


def check_arguments(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Raise UsageError if `forward` doesn't take these arguments."""
    signature = _signature_of(model)
    if signature is None:
        return
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        if _lacks_self(model):
            return  # the call raises an error that the trace explains
        problem = _mismatch(signature.parameters, len(args), [*kwargs])
        raise UsageError(f"{type(model).__name__}.forward {problem}") from None


def missing_arguments(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the optional arguments of `forward` that a call doesn't give, and their default values."""
    signature = _signature_of(model)
    if signature is None:
        return {}
    given = signature.bind(*args, **kwargs).arguments
    return {
        name: parameter.default
        for name, parameter in signature.parameters.items()
        if name not in given and parameter.default is not parameter.empty
    }


def takes_arguments(model: nn.Module) -> bool:
    """Return whether `forward` has arguments, as far as is known."""
    signature = _signature_of(model)
    return signature is None or bool(signature.parameters)


def takes_dict(model: nn.Module, names: set[str | None]) -> bool:
    """Return whether inputs of these names have to be the items of a dict.

    That is the case if there are several names, and `forward` has a single argument, whose name isn't one of them.
    """
    signature = _signature_of(model)
    if signature is None or len(names) < 2 or None in names or not names.isdisjoint(signature.parameters):
        return False
    return [parameter.kind for parameter in signature.parameters.values()] == [_Parameter.POSITIONAL_OR_KEYWORD]


def _signature_of(model: nn.Module) -> inspect.Signature | None:
    """Return the signature of `forward`, or None if it is unknown, or if a hook may change the arguments."""
    if model._forward_pre_hooks:  # noqa: SLF001 - torch has no public function that lists the hooks
        return None
    try:
        return inspect.signature(model.forward)
    except (TypeError, ValueError):  # for example, a compiled module
        return None


def _lacks_self(model: nn.Module) -> bool:
    """Return whether `forward` is defined without `self`, as in `def forward(x)`."""
    code = getattr(getattr(model.forward, "__func__", None), "__code__", None)
    return code is not None and code.co_argcount > 0 and code.co_varnames[0] != "self"


def _mismatch(parameters: Mapping[str, _Parameter], unnamed: int, named: list[str]) -> str:
    """Describe why `forward` doesn't take `unnamed` positional arguments and keyword arguments named `named`."""
    takes = f"takes {', '.join(parameters) or 'no arguments'}"
    positional = [name for name, parameter in parameters.items() if parameter.kind in _POSITIONAL]
    unknown = [name for name in named if name not in parameters]
    if unknown:
        return f"{takes}; it has no argument {', '.join(unknown)}"
    if unnamed > len(positional):
        return f"{takes}, but got {_count(unnamed, 'input')} without a name; {_advice(parameters, positional)}"
    given = {*positional[:unnamed], *named}
    missing = [
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty and parameter.kind not in _VARIADIC and name not in given
    ]
    if missing:
        names = " and ".join(f"`{name}`" for name in missing)
        return f"also needs {names}: add {' '.join(f'--input {name}=SHAPE' for name in missing)}"
    return f"{takes}, but an argument was given twice, by its name and by its position"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _advice(parameters: Mapping[str, _Parameter], positional: list[str]) -> str:
    keyword = next((name for name, parameter in parameters.items() if parameter.kind is _Parameter.KEYWORD_ONLY), None)
    if keyword is not None:
        return f"name them, such as {keyword}=3x8x8"
    if len(positional) == 1:
        return f"if {positional[0]} is a list, use a function that creates the inputs (--inputs)"
    return f"give at most {len(positional)}"
