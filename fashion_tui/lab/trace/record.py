"""One pass through a network, written down step by step.

Two views of the pass are laid together. A wrapper around each module's `forward` sees which module calls which. A
`TorchFunctionMode` sees every function of torch that Python code calls, which is how `F.relu` and `x.view` become rows.
What happens inside a layer of torch itself, such as the convolution of `nn.Conv2d`, is that layer's business, no row.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from fashion_tui.schema.shapes import NETWORK_INPUT, Shape

from .functions import changes_in_place, does_nothing, name_of, operation_of, settings_of_call, stays_out_of_sight
from .layers import is_one_step, settings_of_layer
from .macs import CountMacs
from .tensors import storages_of, tensors_in, to_meta
from .twin import META, twin_of
from .windows import Window, window_of_call, window_of_layer


@dataclass(slots=True, eq=False)
class Step:
    """A row in the making; its shapes still have the batch axis."""

    name: str
    path: str
    depth: int
    op: str
    is_module: bool
    settings: str
    inputs: list[Shape]
    sources: list[int | None]
    outputs: list[Shape] = field(default_factory=list)
    dtype: str = ""
    parameters: list[nn.Parameter] = field(default_factory=list)
    """Those that this very step uses."""
    parameter_names: list[str] = field(default_factory=list)
    """For each of them, from the network down: `conv1.weight`."""
    macs: int = 0
    """With those of the steps below it."""
    bytes: int = 0
    """New memory of its outputs; of a step with others below it, 0."""
    call: Any = None
    """What was called: the module or the function."""
    arguments: tuple[Any, ...] = ()
    """Of a function: its positional arguments that are no tensors."""
    uses_strays: bool = False
    """Among the arguments are parameters that the network doesn't know as its own."""
    held: list[Shape] = field(default_factory=list)
    """Shapes of the tensors of the network itself among the arguments."""
    window: Window | None = None
    """Of a convolution or a pool."""


@dataclass(frozen=True, slots=True)
class Recording:
    batch: int
    device: str
    steps: list[Step]
    outputs: list[Shape]
    macs: int
    error: Exception | None
    failed: list[int]
    """Steps that the error went through, the innermost last."""


def record(twin: nn.Module, inputs: tuple[Any, ...], batch: int) -> Recording:
    """Runs `twin`, which is changed by that, on `inputs`. An error in it is part of the answer."""
    recorder = Recorder(twin)
    recorder.know_input(inputs)
    result, error = None, None
    device = next(tensors_in(inputs)).device
    with torch.enable_grad(), device, recorder.counter, recorder:
        try:
            result = twin(*inputs)
        except Exception as raised:  # noqa: BLE001 - whatever a person's network raises
            error = raised
    failed = recorder.close(error)
    return Recording(
        batch=batch,
        device=device.type,
        steps=recorder.steps,
        outputs=[tuple(tensor.shape) for tensor in tensors_in(result)],
        macs=recorder.counter.total,
        error=error,
        failed=failed,
    )


class Recorder(TorchFunctionMode):
    """While this context is open, the steps of the network are written down."""

    def __init__(self, twin: nn.Module) -> None:
        super().__init__()
        self.steps: list[Step] = []
        self.counter = CountMacs()
        self._held: dict[int, str] = {}
        """Names of the tensors that the network holds, by id."""
        self._source: dict[int, int] = {}
        """Which step gave a tensor, by id; the tensors are kept, so that no other takes over an id."""
        self._kept: list[Any] = [twin]
        self._calls: list[tuple[int, str]] = []
        """Steps whose modules are running, outermost first, and the modules' paths."""
        self._inside_a_step = False
        self._failure: tuple[Exception, list[int], Step | None] | None = None
        self._registered = {id(parameter): parameter for parameter in twin.parameters()}
        for name, tensor in [*twin.named_parameters(), *twin.named_buffers()]:
            self._held[id(tensor)] = name
        for path, module in twin.named_modules():
            for name, value in vars(module).items():
                for tensor in tensors_in(value) if isinstance(value, Tensor | list | tuple | dict) else ():
                    self._held.setdefault(id(tensor), f"{path}.{name}" if path else name)
            module.forward = self._watched(module, path, module.forward)

    def know_input(self, inputs: tuple[Any, ...]) -> None:
        self._made_by(NETWORK_INPUT, list(tensors_in(inputs)))

    def close(self, error: Exception | None) -> list[int]:
        """The steps that failed, the innermost last."""
        if error is None or self._failure is None or self._failure[0] is not error:
            return []
        _, failed, function = self._failure
        if function is not None:
            self.steps.append(function)
            failed = [len(self.steps) - 1, *failed]
        return failed[::-1]

    def run_step(self, step: Step, call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ARG002
        """Runs what the step calls: a function, or a module that holds no others."""
        return call(*args, **kwargs)

    # Modules

    def _watched(self, module: nn.Module, path: str, forward: Callable[..., Any]) -> Callable[..., Any]:
        one_step = is_one_step(module)

        @functools.wraps(forward)
        def watched(*args: Any, **kwargs: Any) -> Any:
            if self._inside_a_step or (path == "" and not one_step):
                return forward(*args, **kwargs)
            return self._run_module(module, path, forward, args, kwargs)

        return watched

    def _run_module(
        self, module: nn.Module, path: str, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        caller = self._calls[-1][1] if self._calls else ""
        name = path.removeprefix(f"{caller}.") if caller else path
        given = list(tensors_in((args, kwargs)))
        step = self._begin(name or type(module).__name__, path, type(module).__name__, module, given)
        step.settings = settings_of_layer(module)
        index = len(self.steps)
        self.steps.append(step)
        one_step = is_one_step(module)
        if one_step:
            step.window = window_of_layer(module)
            for parameter_name, parameter in module.named_parameters():
                step.parameter_names.append(f"{path}.{parameter_name}" if path else parameter_name)
                step.parameters.append(parameter)
        self._calls.append((index, path))
        self._inside_a_step = one_step
        before = self.counter.total
        storages = storages_of(given)
        try:
            result = self.run_step(step, forward, args, kwargs) if one_step else forward(*args, **kwargs)
        except Exception as error:
            self._fails(error, index)
            raise
        finally:
            self._inside_a_step = False
            self._calls.pop()
            step.macs = self.counter.total - before
        if one_step and step.macs == 0:
            self._count_on_meta(module, given, args, kwargs)
            step.macs = self.counter.total - before
        if len(self.steps) > index + 1:
            step.parameters, step.parameter_names = [], []  # they count where they are used
        self.end_step(step, index, list(tensors_in(result)), storages if one_step else None)
        return result

    # Functions

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self._inside_a_step:
            return func(*args, **kwargs)
        name = name_of(func)
        if stays_out_of_sight(func, name):
            result = func(*args, **kwargs)
            self._pass_on(args, result)
            return result
        caller = self._calls[-1][1] if self._calls else ""
        given = list(tensors_in((args, kwargs)))
        step = self._begin(name, f"{caller}.{name}" if caller else name, operation_of(func, name), func, given)
        step.arguments = tuple(arg for arg in args if not isinstance(arg, Tensor))
        step.window = window_of_call(name, args, kwargs)
        before = self.counter.total
        storages = storages_of(given)
        try:
            result = self.run_step(step, func, args, kwargs)
        except Exception as error:
            step.settings = settings_of_call(func, name, args, kwargs, self._names_of(given, caller))
            self._fails(error, step)
            raise
        outputs = list(tensors_in(args[0] if changes_in_place(name) else result))
        starts_a_stray = step.uses_strays and not step.inputs and all(_is_parameter(output) for output in outputs)
        if not outputs or does_nothing(name, args, result) or starts_a_stray:
            return result
        step.settings = settings_of_call(func, name, args, kwargs, self._names_of(given, caller))
        if self.counter.total == before:
            self._count_on_meta(func, given, args, kwargs)
        step.macs = self.counter.total - before
        self.steps.append(step)
        self.end_step(step, len(self.steps) - 1, outputs, storages)
        return result

    # Bookkeeping

    def _begin(self, name: str, path: str, op: str, call: Any, given: list[Tensor]) -> Step:
        foreign = [tensor for tensor in given if id(tensor) not in self._held]
        flowing = [tensor for tensor in foreign if not _is_parameter(tensor)]
        parameters = [tensor for tensor in given if id(tensor) in self._registered]
        return Step(
            name=name,
            path=path,
            depth=len(self._calls),
            op=op,
            is_module=isinstance(call, nn.Module),
            settings="",
            inputs=[tuple(tensor.shape) for tensor in flowing],
            sources=[self._source.get(id(tensor)) for tensor in flowing],
            parameters=[self._registered[id(tensor)] for tensor in parameters],
            parameter_names=[self._held[id(tensor)] for tensor in parameters],
            call=call,
            uses_strays=len(flowing) < len(foreign),
            held=[tuple(tensor.shape) for tensor in given if id(tensor) in self._held],
        )

    def end_step(self, step: Step, index: int, outputs: list[Tensor], storages: set[int] | None) -> None:
        """Writes down what the step gave; `storages`: the memory that came in, None where that doesn't count."""
        step.outputs = [tuple(tensor.shape) for tensor in outputs]
        step.dtype = str(outputs[0].dtype).removeprefix("torch.") if outputs else ""
        if storages is not None:
            new = [tensor for tensor in outputs if not storages_of([tensor]) & storages]
            step.bytes = sum(tensor.numel() * tensor.element_size() for tensor in new)
        self._made_by(index, outputs)

    def _made_by(self, index: int, tensors: list[Tensor]) -> None:
        self._kept += tensors
        for tensor in tensors:
            self._source[id(tensor)] = index

    def _pass_on(self, args: Any, result: Any) -> None:
        """A tensor that is another one under a new name, as `x.detach()` is, comes from where that one came from."""
        given = next(tensors_in(args), None)
        if given is not None and isinstance(result, Tensor) and result is not given:
            self._kept.append(result)
            books: tuple[dict[int, Any], ...] = (self._source, self._held, self._registered)
            for book in books:
                if id(given) in book:
                    book[id(result)] = book[id(given)]

    def _names_of(self, tensors: list[Tensor], caller: str) -> list[str]:
        """Those of them that the network holds itself, as the caller calls them."""
        names = [self._held[id(tensor)] for tensor in tensors if id(tensor) in self._held]
        return [name.removeprefix(f"{caller}.") for name in names]

    def _fails(self, error: Exception, where: int | Step) -> None:
        """Remembers each step that an error goes through, from the inside out."""
        if self._failure is None or self._failure[0] is not error:
            self._failure = (error, [], None) if isinstance(where, int) else (error, [], where)
        if isinstance(where, int):
            self._failure[1].append(where)

    def _count_on_meta(self, call: Any, given: list[Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """On the CPU, recurrent layers and attention run as one operation that has no formula; on meta they don't."""
        if not given or given[0].is_meta:
            return
        try:
            self._inside_a_step = True
            if isinstance(call, nn.Module):
                call = twin_of(call, META)
                vars(call).pop("forward", None)  # it watches the original
            call(*to_meta(args), **to_meta(kwargs))
        except Exception:  # noqa: BLE001, S110 - what needs values can't be counted so, and stays at 0
            pass
        finally:
            self._inside_a_step = False


def _is_parameter(tensor: Tensor) -> bool:
    return isinstance(tensor, nn.Parameter)
