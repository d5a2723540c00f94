"""Record one pass through a network, call by call.

A wrapper around each module's `forward` records the calls of modules. A `TorchFunctionMode` records the calls of torch
functions by Python code, so `F.relu` and `x.view` also become rows. Calls inside torch's own layers, such as the
convolution of `nn.Conv2d`, have no row.
"""

import functools
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from fashion_tui.schema.errors import TimeLimitReached
from fashion_tui.schema.shapes import NETWORK_INPUT, Shape

from .functions import (
    call_settings,
    function_name,
    is_assignment,
    is_hidden,
    is_internal,
    is_no_op,
    operation_name,
)
from .inputs import Arguments as NetworkArguments
from .layers import is_atomic, layer_settings, layer_type
from .macs import MacCounter, is_recurrent, run_recurrent
from .operands import Arguments, Operand, describe_tensor, replace_tensors
from .structure import named_buffers, named_modules, named_parameters, unregistered_modules
from .tensors import storages_of, tensors_in
from .windows import WindowSettings, function_window, layer_window


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
    macs: int
    error: BaseException | None
    failed: list[int]
    """Indices of the calls that the error passed through, the innermost last."""


_RECORDED_ERRORS = (Exception, SystemExit, TimeLimitReached)
"""What the user's code may raise, and what is raised in it when its time is up."""

RunCall = Callable[[Call, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
"""Called as `run(call, function, args, kwargs)` to run a function or an atomic module; returns the result."""

OnOutput = Callable[[Call, list[Tensor]], None]
"""Called with each completed call and its outputs."""


def record(
    recorder: "Recorder", arguments: NetworkArguments, batch: int, device: torch.device
) -> tuple[Recording, object]:
    """Run the recorder's network. Return the recording, and the network's result or None after an error.

    An error in the network, or reaching the time limit, becomes part of the recording.
    """
    result, error = None, None
    with torch.enable_grad(), device, recorder.counter, recorder:
        try:
            result = recorder.model(*arguments.args, **arguments.kwargs)
        except _RECORDED_ERRORS as raised:
            error = raised
    recording = Recording(
        batch=batch,
        device=device.type,
        failed=recorder.failed_calls(error),
        calls=recorder.calls,
        outputs=[tuple(tensor.shape) for tensor in tensors_in(result)],
        output_producers=recorder.producers_of(tensors_in(result)),
        returned=recorder.parameters_in(result),
        macs=recorder.counter.total,
        error=error,
    )
    return recording, result


class Recorder(TorchFunctionMode):
    """A context manager that records the calls of a network. It replaces the `forward` method of each module."""

    def __init__(
        self,
        model: nn.Module,
        inputs: tuple[Any, ...],
        *,
        run: RunCall | None = None,
        on_output: OnOutput | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.calls: list[Call] = []
        self.counter = MacCounter()
        self._run = run or _run
        self._on_output = on_output
        self._model_names: dict[int, str] = {}
        """Names of the network's parameters, buffers and constants, keyed by `id`."""
        self._source: dict[int, int] = {}
        """Index of the call that returned each tensor, keyed by the tensor's `id`."""
        self._producer: dict[int, int] = {}
        """Like `_source`, but for a tensor that a module returned, the index of the call inside the module."""
        self._kept: list[Any] = [model]
        """All objects whose `id` is stored, kept alive so that no other object gets the same id."""
        self._running: list[tuple[int, str]] = []
        """Indices and paths of the modules that are running, the outermost first."""
        self._is_inside_atomic = False
        self._failure: tuple[BaseException, list[int], Call | None] | None = None
        self._registered = {id(parameter): parameter for _, parameter in named_parameters(model)}
        for name, tensor in [*named_parameters(model), *named_buffers(model)]:
            self._model_names[id(tensor)] = name
            self._kept.append(tensor)
        for path, module in named_modules(model):
            for name, value in vars(module).items():
                for tensor in tensors_in(value) if isinstance(value, Tensor | list | tuple | dict) else ():
                    self._model_names.setdefault(id(tensor), f"{path}.{name}" if path else name)
        for path, module in [*named_modules(model), *unregistered_modules(model)]:
            # The module may have a `__setattr__` of its own.
            vars(module)["forward"] = self._wrap_forward(module, path, module.forward)
        self._set_source(NETWORK_INPUT, list(tensors_in(inputs)))

    def producers_of(self, tensors: Iterable[Tensor]) -> list[int | None]:
        """Return, for each tensor, the index of the call without inner calls that returned it.

        An index is NETWORK_INPUT for an input of the network, and None for any other tensor.
        """
        return [self._producer.get(id(tensor)) for tensor in tensors]

    def failed_calls(self, error: BaseException | None) -> list[int]:
        """Return the indices of the calls that `error` passed through, the innermost last."""
        if error is None or self._failure is None or self._failure[0] is not error:
            return []
        _, failed, function = self._failure
        if function is not None:
            self.calls.append(function)
            failed = [len(self.calls) - 1, *failed]
        return failed[::-1]

    def parameters_in(self, value: Any) -> list[nn.Parameter]:
        """Return the network's parameters in nested tuples, lists, dicts and objects."""
        return [self._registered[id(tensor)] for tensor in tensors_in(value) if id(tensor) in self._registered]

    # Modules

    def _wrap_forward(self, module: nn.Module, path: str, forward: Callable[..., Any]) -> Callable[..., Any]:
        atomic = is_atomic(module)

        @functools.wraps(forward)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if self._is_inside_atomic or (path == "" and not atomic):
                return forward(*args, **kwargs)
            return self._run_module(module, path, forward, args, kwargs)

        return wrapper

    def _run_module(
        self, module: nn.Module, path: str, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        caller = self._running[-1][1] if self._running else ""
        name = path.removeprefix(f"{caller}.") if caller else path
        tensors = list(tensors_in((args, kwargs)))
        kind = layer_type(module)
        call = self._begin(name or kind, path, kind, module, tensors)
        call.settings = layer_settings(module)
        index = len(self.calls)
        self.calls.append(call)
        atomic = is_atomic(module)
        if atomic:
            call.window = layer_window(module)
            self._add_parameters(call, module)
        self._running.append((index, path))
        self._is_inside_atomic = atomic
        before = self.counter.total, self.counter.unknown
        storages = storages_of(tensors)
        try:
            result = self._run(call, forward, args, kwargs) if atomic else forward(*args, **kwargs)
        except _RECORDED_ERRORS as error:
            self._add_failure(error, index, args, kwargs)
            raise
        finally:
            self._is_inside_atomic = False
            self._running.pop()
            self._set_macs(call, before)
        if len(self.calls) > index + 1:
            call.parameters, call.parameter_names = [], []  # the inner calls record these parameters
        self._end(call, index, list(tensors_in(result)), storages if atomic else None)
        return result

    # Functions

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        run = functools.partial(run_recurrent, self.counter, func) if is_recurrent(func) else func
        if self._is_inside_atomic:
            return run(*args, **kwargs)
        name = function_name(func)
        if is_hidden(func, name):
            result = func(*args, **kwargs)
            self._copy_source(args, result)
            return result
        caller = self._running[-1][1] if self._running else ""
        tensors = list(tensors_in((args, kwargs)))
        call = self._begin(name, f"{caller}.{name}" if caller else name, operation_name(func, name), func, tensors)
        call.arguments = tuple(arg for arg in args if not isinstance(arg, Tensor))
        call.window = function_window(name, args, kwargs)
        before = self.counter.total, self.counter.unknown
        storages = storages_of(tensors)
        try:
            result = self._run(call, run, args, kwargs)
        except _RECORDED_ERRORS as error:
            call.settings = call_settings(func, name, args, kwargs, self._names_of(tensors, caller))
            self._add_failure(error, call, args, kwargs)
            raise
        outputs = list(tensors_in(args[0] if is_assignment(name) else result))
        if is_internal(sys._getframe(1), name) and not self._is_counted(call, before):  # noqa: SLF001
            self._copy_source(args, result)
            return result
        # Skip the initialisation of a layer that `forward` creates, because the layer isn't part of the network.
        is_initialiser = call.uses_unregistered and not call.inputs and all(map(_is_parameter, outputs))
        if not outputs or is_no_op(name, args, result) or is_initialiser:
            return result
        call.settings = call_settings(func, name, args, kwargs, self._names_of(tensors, caller))
        self._set_macs(call, before)
        self.calls.append(call)
        self._end(call, len(self.calls) - 1, outputs, storages)
        return result

    # Bookkeeping

    def _begin(self, name: str, path: str, op: str, target: Any, tensors: list[Tensor]) -> Call:
        others = [tensor for tensor in tensors if id(tensor) not in self._model_names]
        activations = [tensor for tensor in others if not _is_parameter(tensor)]
        parameters = [tensor for tensor in tensors if id(tensor) in self._registered]
        return Call(
            name=name,
            path=path,
            depth=len(self._running),
            op=op,
            is_module=isinstance(target, nn.Module),
            settings="",
            inputs=[tuple(tensor.shape) for tensor in activations],
            sources=[self._source.get(id(tensor)) for tensor in activations],
            producers=self.producers_of(activations),
            parameters=[self._registered[id(tensor)] for tensor in parameters],
            parameter_names=[self._model_names[id(tensor)] for tensor in parameters],
            target=target,
            uses_unregistered=len(activations) < len(others) and not isinstance(target, nn.Module),
            model_shapes=[tuple(tensor.shape) for tensor in tensors if id(tensor) in self._model_names],
        )

    def _add_parameters(self, call: Call, module: nn.Module) -> None:
        """Add the parameters of an atomic module to its call."""
        for name, parameter in named_parameters(module):
            if id(parameter) in self._registered:
                call.parameter_names.append(f"{call.path}.{name}" if call.path else name)
                call.parameters.append(self._registered[id(parameter)])
            elif _is_parameter(parameter):  # functional_call replaces parameters by other tensors
                call.uses_unregistered = True

    def _set_macs(self, call: Call, before: tuple[int, int]) -> None:
        """Set the MACs of a call. `before` are the counter's `total` and `unknown` before the call."""
        total, unknown = before
        call.macs = self.counter.total - total
        call.has_unknown_macs = self.counter.unknown > unknown

    def _is_counted(self, call: Call, before: tuple[int, int]) -> bool:
        """Return whether a call has MACs or is the first that uses a parameter, so that the totals would miss it."""
        if (self.counter.total, self.counter.unknown) != before:
            return True
        earlier = (parameter for other in self.calls if call.parameters for parameter in other.parameters)
        return not {id(parameter) for parameter in call.parameters} <= {id(parameter) for parameter in earlier}

    def _end(self, call: Call, index: int, outputs: list[Tensor], storages: set[int] | None) -> None:
        """Record the outputs of a call. `storages` are the arguments' storages, or None if memory isn't counted."""
        call.outputs = [tuple(tensor.shape) for tensor in outputs]
        call.dtype = str(outputs[0].dtype).removeprefix("torch.") if outputs else ""
        if storages is not None:
            new = [tensor for tensor in outputs if not storages_of([tensor]) & storages]
            call.new_bytes = sum(tensor.numel() * tensor.element_size() for tensor in new)
        self._set_source(index, outputs)
        call.output_producers = self.producers_of(outputs)
        if self._on_output is not None:
            self._on_output(call, outputs)

    def _set_source(self, index: int, tensors: list[Tensor]) -> None:
        self._kept += tensors
        has_inner_calls = 0 <= index < len(self.calls) - 1
        for tensor in tensors:
            self._source[id(tensor)] = index
            if not has_inner_calls:
                self._producer[id(tensor)] = index

    def _copy_source(self, args: Any, result: Any) -> None:
        """Give the results of a hidden call, such as `x.detach()`, the source and the name of its first argument."""
        argument = next(tensors_in(args), None)
        for tensor in tensors_in(result) if argument is not None else ():
            if tensor is argument:
                continue
            self._kept.append(tensor)
            tables: tuple[dict[int, Any], ...] = (self._source, self._producer, self._model_names, self._registered)
            for table in tables:
                if id(argument) in table:
                    table[id(tensor)] = table[id(argument)]

    def _names_of(self, tensors: list[Tensor], caller: str) -> list[str]:
        """Return the names, relative to the calling module, of those `tensors` that belong to the network."""
        names = [self._model_names[id(tensor)] for tensor in tensors if id(tensor) in self._model_names]
        return [name.removeprefix(f"{caller}.") for name in names]

    def _add_failure(
        self, error: BaseException, call: int | Call, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Record that `error` passes through a call.

        `call` is the index of a module's call, or the Call itself for a function.
        """
        if self._failure is None or self._failure[0] is not error:
            innermost = self.calls[call] if isinstance(call, int) else call
            innermost.failed_arguments = self._describe(args, kwargs)
            self._failure = (error, [], None) if isinstance(call, int) else (error, [], call)
        if isinstance(call, int):
            self._failure[1].append(call)

    def _describe(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        def describe(tensor: Tensor) -> Operand:
            return describe_tensor(tensor, self._model_names.get(id(tensor)), self._source.get(id(tensor)))

        is_inside_atomic, self._is_inside_atomic = self._is_inside_atomic, True  # these calls are not the network's
        try:
            return Arguments(replace_tensors(args, describe), replace_tensors(kwargs, describe))
        finally:
            self._is_inside_atomic = is_inside_atomic


def _run(_call: Call, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return function(*args, **kwargs)


def _is_parameter(tensor: Tensor) -> bool:
    return isinstance(tensor, nn.Parameter)
