"""Find the parameters that a network doesn't use, and why a pass didn't use them."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from itertools import accumulate
from types import CodeType, FunctionType
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from fashion_tui.schema.shapes import NotUsed

from .calls import Recording
from .model_copy import CPU
from .runner import Run, Runner, Variant
from .structure import named_modules, named_parameters, parameters_of
from .tensors import tensors_in

TRIAL_BATCHES = (32, 8)
"""Preferred numbers of samples of the additional passes. Many samples reach many branches and experts."""
MAX_PASSES = 9
"""Maximum number of passes of `explain_unused`."""

_VALUES = "the values of the input decide"
_CHANCE = "chosen at random"
_UNTRIED = "the values of tensors decide, and no trial needed it"
_NOT_TRIED = "not tried with other inputs"
_OTHER_PASSES = (
    (Variant(inputs_seed=1, distribution="normal"), _VALUES),
    (Variant(inputs_seed=2), _VALUES),
    (Variant(inputs_seed=3, distribution="normal"), _VALUES),
    (Variant(inputs_seed=4, distribution="normal"), _VALUES),
    (Variant(chance_seed=1), _CHANCE),
    (Variant(chance_seed=2), _CHANCE),
    (Variant(chance_seed=3), _CHANCE),
    (Variant(evaluate=True), "only evaluation mode uses it"),
)
"""Passes that may use other parameters than the main pass, and why they do."""

Unused = dict[str, str | None]
"""Names of unused parameters, each with the reason why the main pass didn't use it, or None if no pass uses it."""


def unused_parameters(model: nn.Module, recording: Recording) -> set[str]:
    """Return the names of the parameters that no call of the recorded pass used, and that it didn't return."""
    used = {id(parameter) for call in recording.calls for parameter in call.parameters}
    used |= {id(parameter) for parameter in recording.returned}
    return {name for name, parameter in named_parameters(model) if id(parameter) not in used and not is_lazy(parameter)}


def explain_unused(runner: Runner, names: set[str], batches: Sequence[int], *, reads_values: bool) -> Unused:
    """Return which of the parameters are unused, after running the network in other ways.

    The passes have the first of the `batches` that the network accepts. Parameters that get a gradient are used.
    `reads_values` is whether the network's code reads the values of tensors. If so, a parameter that the code mentions
    may be used for other values.
    """
    for batch in batches:
        main = runner.run(batch, CPU)
        if main.recording.error is None:
            break
    unused: Unused = dict.fromkeys(sorted(names - _with_gradient(main, names)))
    for variant, reason in _OTHER_PASSES:
        pending = {name for name, known in unused.items() if known is None}
        if not pending:
            break
        run = runner.run(batch, CPU, variant)
        if run.recording.error is None:
            still_unused = unused_parameters(run.model, run.recording) - _with_gradient(run, pending)
            unused |= dict.fromkeys(pending - still_unused, reason)
    if reads_values:
        unused = _explain_mentioned(runner.model, unused, _UNTRIED)
    return unused


def explain_untried(model: nn.Module, unused: Unused) -> Unused:
    """Add a reason to the parameters that have none, if the network wasn't run with other inputs.

    A parameter that the network's code doesn't mention is unused for any input.
    """
    return _explain_mentioned(model, unused, _NOT_TRIED)


def _explain_mentioned(model: nn.Module, unused: Unused, reason: str) -> Unused:
    """Add the reason to each parameter that has none and that the network's code mentions."""
    return {name: reason if known is None and _is_mentioned(model, name) else known for name, known in unused.items()}


def _is_mentioned(model: nn.Module, name: str) -> bool:
    """Return whether the code of the modules that contain a parameter mentions it, outside of `__init__`."""
    module: Any = model
    for attribute in name.split("."):
        if not type(module).__module__.startswith("torch.") and attribute not in _names_in_code(type(module)):
            return False
        module = getattr(module, attribute)
    return True


def _names_in_code(cls: type) -> set[str]:
    """Return the names of attributes and the strings in the methods of a class."""
    codes = [
        function.__code__
        for base in cls.__mro__
        if base is not nn.Module
        for name, function in vars(base).items()
        if name != "__init__" and isinstance(function, FunctionType)
    ]
    names: set[str] = set()
    while codes:
        code = codes.pop()
        names |= {*code.co_names, *(constant for constant in code.co_consts if isinstance(constant, str))}
        codes += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return names


def group_names(model: nn.Module, unused: Unused) -> tuple[tuple[str, ...], tuple[NotUsed, ...]]:
    """Return the names of what is never used, and of what the main pass didn't use.

    If all parameters of a module are unused for the same reason, only the module is named.
    """
    names = {id(parameter): name for name, parameter in named_parameters(model)}
    whole: dict[str, str | None] = {}
    for path, module in named_modules(model):
        inside = [names[id(parameter)] for parameter in parameters_of(module)]
        reasons = {unused.get(name) for name in inside}
        if path and inside and unused.keys() >= {*inside} and len(reasons) == 1:
            whole[path] = reasons.pop()
    grouped: Unused = {}
    sizes: Counter[str] = Counter()
    for name, parameter in named_parameters(model):
        if name in unused:
            parents = accumulate(name.split("."), "{}.{}".format)
            group = next((path for path in parents if path in whole), name)
            grouped[group] = unused[name]
            sizes[group] += parameter.numel()
    return (
        tuple(name for name, reason in grouped.items() if reason is None),
        tuple(NotUsed(name, reason, sizes[name]) for name, reason in grouped.items() if reason is not None),
    )


def _with_gradient(run: Run, names: set[str]) -> set[str]:
    """Return the names of those parameters that get a gradient from the outputs of a run."""
    parameters = [(name, parameter) for name, parameter in named_parameters(run.model) if name in names]
    wanted = {name: parameter for name, parameter in parameters if parameter.requires_grad}
    outputs = [tensor for tensor in tensors_in(run.result) if tensor.requires_grad]
    if not wanted or not outputs:
        return set()
    with suppress(Exception, SystemExit):  # the user's code may define a backward pass
        sums = [output.real.sum() if output.is_complex() else output.sum() for output in outputs]
        gradients = torch.autograd.grad(sums, [*wanted.values()], allow_unused=True)
        return {name for name, gradient in zip(wanted, gradients, strict=True) if gradient is not None}
    return set()
