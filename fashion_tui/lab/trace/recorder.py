"""Record one pass through a network, call by call.

A wrapper around each module's `forward` records the calls of modules. A `TorchFunctionMode` records the calls of torch
functions by Python code, so `F.relu` and `x.view` also become rows. Calls inside torch's own layers, such as the
convolution of `nn.Conv2d`, have no row.
"""

import functools
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Self, TypeVar

import torch
from torch import Tensor, nn
from torch._C import DisableTorchFunction
from torch.overrides import TorchFunctionMode

from fashion_tui.schema.errors import TimeLimitReached
from fashion_tui.schema.shapes import NETWORK_INPUT

from .calls import Call, OnOutput, RunCall
from .functions import (
    call_settings,
    function_name,
    is_assignment,
    is_hidden,
    is_internal,
    is_no_op,
    operation_name,
)
from .layers import is_atomic, layer_settings, layer_type
from .macs import MacCounter
from .operands import Arguments, Operand, describe_tensor, replace_tensors
from .origins import Origins
from .recurrent import is_recurrent
from .structure import named_modules, named_parameters, unregistered_modules
from .tensors import is_parameter, leaves_between, shape_of, storages_of, tensors_in
from .windows import function_window, layer_window

RECORDED_ERRORS = (Exception, SystemExit, TimeLimitReached)
"""What the user's code may raise, and what is raised in it when its time is up."""


class _Thread(threading.local):
    """The state of the recording in each thread that the network starts."""

    def __init__(self, running: list[tuple[int, str]]) -> None:
        self.running = [*running]
        """Indices and paths of the modules that are running, the outermost first."""
        self.is_inside_atomic = False
        self.is_recorded = False


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
        self._origins = Origins(model)
        running: list[tuple[int, str]] = []
        self._thread = _Thread(running)
        self._thread.running = running  # another thread starts with a copy of this list
        self._thread_lock = threading.RLock()
        self._active = 0
        self._failure: tuple[BaseException, list[int], Call | None] | None = None
        modules = [*named_modules(model), *unregistered_modules(model)]
        self._modules = [module for _, module in modules]
        for path, module in modules:
            # The module may have a `__setattr__` of its own.
            vars(module)["forward"] = self._wrap_forward(module, path, module.forward)
        self._origins.set_source(NETWORK_INPUT, tensors_in(inputs), has_inner_calls=False)

    def __enter__(self) -> Self:
        super().__enter__()  # type: ignore[no-untyped-call]
        self._active += 1
        self._thread.is_recorded = True
        return self

    def __exit__(self, *error: object) -> None:
        self._active -= 1
        self._thread.is_recorded = False
        super().__exit__(*error)  # type: ignore[no-untyped-call]

    def remove_wrappers(self) -> None:
        """Restore the `forward` of each module. A wrapper refers to its module, which would keep it in memory."""
        for module in self._modules:
            vars(module).pop("forward", None)

    def producers_of(self, tensors: Iterable[Tensor]) -> list[int | None]:
        """Return, for each tensor, the index of the call without inner calls that returned it.

        An index is NETWORK_INPUT for an input of the network, and None for any other tensor.
        """
        return [self._origins.producer(tensor) for tensor in tensors]

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
        return _without_none(self._origins.parameter(tensor) for tensor in tensors_in(value))

    # Modules

    def _wrap_forward(self, module: nn.Module, path: str, forward: Callable[..., Any]) -> Callable[..., Any]:
        atomic = is_atomic(module)

        @functools.wraps(forward)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            is_outside = not self._active  # a backward pass repeats the calls of a checkpoint
            if is_outside or self._thread.is_inside_atomic or (path == "" and not atomic):
                return forward(*args, **kwargs)
            with nullcontext() if self._thread.is_recorded else self._record_thread():
                return self._run_module(module, path, forward, args, kwargs)

        return wrapper

    @contextmanager
    def _record_thread(self) -> Iterator[None]:
        """Record the calls of a thread that the network has started, one thread at a time.

        torch's modes, of which this recorder is one, act only in the thread that entered them.
        """
        with self._thread_lock, self.counter, self:
            yield

    def _run_module(
        self, module: nn.Module, path: str, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        caller = self._thread.running[-1][1] if self._thread.running else ""
        name = path.removeprefix(f"{caller}.") if caller else path
        tensors = tensors_in((args, kwargs))
        kind = layer_type(module)
        call, storages = self._begin(name or kind, path, kind, module, tensors)
        call.settings = layer_settings(module)
        index = len(self.calls)
        self.calls.append(call)
        atomic = is_atomic(module)
        if atomic:
            call.window = layer_window(module)
            self._add_parameters(call, module)
        self._thread.running.append((index, path))
        self._thread.is_inside_atomic = atomic
        before = self.counter.total, self.counter.unknown
        try:
            result = self._run(call, forward, args, kwargs) if atomic else forward(*args, **kwargs)
        except RECORDED_ERRORS as error:
            self._add_failure(error, index, args, kwargs)
            raise
        finally:
            self._thread.is_inside_atomic = False
            self._thread.running.pop()
            self._set_macs(call, before)
        if len(self.calls) > index + 1:
            call.parameters, call.parameter_names = [], []  # the inner calls record these parameters
        self._end(call, index, tensors_in(result), storages if atomic else None)
        return result

    # Functions

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        run = functools.partial(self.counter.run_recurrent, func) if is_recurrent(func) else func
        if func is torch.linalg.vecdot:
            run = self.counter.run_vecdot
        if self._thread.is_inside_atomic:
            return run(*args, **kwargs)
        name = function_name(func)
        if is_hidden(func, name):
            result = func(*args, **kwargs)
            self._copy_origin(args, result)
            return result
        caller = self._thread.running[-1][1] if self._thread.running else ""
        tensors = tensors_in((args, kwargs))
        path = f"{caller}.{name}" if caller else name
        call, storages = self._begin(name, path, operation_name(func, name), func, tensors)
        call.arguments = tuple(arg for arg in args if not isinstance(arg, Tensor))
        call.window = function_window(name, args, kwargs)
        before = self.counter.total, self.counter.unknown
        try:
            result = self._run(call, run, args, kwargs)
        except RECORDED_ERRORS as error:
            call.settings = call_settings(func, name, args, kwargs, self._names_of(tensors, caller))
            self._add_failure(error, call, args, kwargs)
            raise
        outputs = tensors_in(args[0] if is_assignment(name) else result)
        if is_internal(sys._getframe(1), name) and not self._is_counted(call, before):  # noqa: SLF001
            self._copy_origin(args, result)
            return result
        # Skip the initialisation of a layer that `forward` creates, because the layer isn't part of the network.
        is_initialiser = call.uses_unregistered and not call.inputs and all(map(is_parameter, outputs))
        if not outputs or is_no_op(name, args, result) or is_initialiser:
            return result
        call.settings = call_settings(func, name, args, kwargs, self._names_of(tensors, caller))
        self._set_macs(call, before)
        self.calls.append(call)
        self._end(call, len(self.calls) - 1, outputs, storages)
        return result

    def run_compiled(self, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """Run a function that torch has compiled, and record it as one call with unknown MACs."""

        @functools.wraps(function)
        def run(*args: Any) -> Any:
            wrappers = [vars(module).pop("forward") for module in self._modules]  # torch can't compile them
            try:
                return function(*args)
            finally:
                for module, wrapper in zip(self._modules, wrappers, strict=True):
                    vars(module)["forward"] = wrapper
                self.counter.unknown += 1

        first = len(self.calls)
        result = self.__torch_function__(run, (), args)
        for call in self.calls[first:]:
            found = leaves_between(tensors_in(args), tensors_in(result))
            call.parameters = _without_none(self._origins.parameter(leaf) for leaf in found)
            call.parameter_names = _without_none(self._origins.name(parameter) for parameter in call.parameters)
        return result

    # Bookkeeping

    def _begin(self, name: str, path: str, op: str, target: Any, tensors: list[Tensor]) -> tuple[Call, set[int]]:
        """Return the description of a call before it runs, and the storages of its arguments."""
        with DisableTorchFunction():  # otherwise, reading a shape would be recorded like a call of the network
            names = [self._origins.name(tensor) for tensor in tensors]
            named = [(tensor, own) for tensor, own in zip(tensors, names, strict=True) if own is not None]
            others = [tensor for tensor, own in zip(tensors, names, strict=True) if own is None]
            activations = [tensor for tensor in others if not is_parameter(tensor)]
            found = [(self._origins.parameter(tensor), own) for tensor, own in named]
            parameters = [(parameter, own) for parameter, own in found if parameter is not None]
            call = Call(
                name=name,
                path=path,
                depth=len(self._thread.running),
                op=op,
                is_module=isinstance(target, nn.Module),
                settings="",
                inputs=[shape_of(tensor) for tensor in activations],
                sources=[self._origins.source(tensor) for tensor in activations],
                producers=self.producers_of(activations),
                parameters=[parameter for parameter, _ in parameters],
                parameter_names=[own for _, own in parameters],
                target=target,
                uses_unregistered=len(activations) < len(others) and not isinstance(target, nn.Module),
                model_shapes=[shape_of(tensor) for tensor, _ in named],
            )
            return call, storages_of(tensors)

    def _add_parameters(self, call: Call, module: nn.Module) -> None:
        """Add the parameters of an atomic module to its call."""
        for name, parameter in named_parameters(module):
            registered = self._origins.parameter(parameter)
            if registered is not None:
                call.parameter_names.append(f"{call.path}.{name}" if call.path else name)
                call.parameters.append(registered)
            elif is_parameter(parameter):  # functional_call replaces parameters with other tensors
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
        with DisableTorchFunction():
            call.outputs = [shape_of(tensor) for tensor in outputs]
            call.dtype = str(outputs[0].dtype).removeprefix("torch.") if outputs else ""
            if storages is not None:
                new = [tensor for tensor in outputs if not storages_of([tensor]) & storages]
                call.new_bytes = sum(tensor.numel() * tensor.element_size() for tensor in new)
            self._origins.set_source(index, outputs, has_inner_calls=index < len(self.calls) - 1)
            call.output_producers = self.producers_of(outputs)
            if self._on_output is not None:
                self._on_output(call, outputs)

    def _copy_origin(self, args: Any, result: Any) -> None:
        """Give the results of a hidden call, such as `x.detach()`, the origin of its first argument."""
        argument = next(iter(tensors_in(args)), None)
        if argument is not None:
            self._origins.copy(argument, [tensor for tensor in tensors_in(result) if tensor is not argument])

    def _names_of(self, tensors: list[Tensor], caller: str) -> list[str]:
        """Return the names, relative to the calling module, of those `tensors` that belong to the network."""
        names = _without_none(self._origins.name(tensor) for tensor in tensors)
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
            return describe_tensor(tensor, self._origins.name(tensor), self._origins.source(tensor))

        with DisableTorchFunction():
            return Arguments(replace_tensors(args, describe), replace_tensors(kwargs, describe))


def _run(_call: Call, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return function(*args, **kwargs)


_Item = TypeVar("_Item")


def _without_none(items: Iterable[_Item | None]) -> list[_Item]:
    return [item for item in items if item is not None]
