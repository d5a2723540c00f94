"""Record one pass through a network."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch._C import DisableTorchFunction

from .calls import Recording
from .compiled import without_modes_in_compiled
from .inputs import Arguments
from .recorder import RECORDED_ERRORS, Recorder
from .tensors import shape_of, tensors_in


def record(recorder: Recorder, arguments: Arguments, batch: int, device: torch.device) -> tuple[Recording, object]:
    """Run the recorder's network. Return the recording, and the network's result or None after an error.

    An error in the network, or reaching the time limit, becomes part of the recording.
    """
    result, error = None, None
    with (
        torch.enable_grad(),
        create_tensors_on(device),
        recorder.counter,
        recorder,
        _record_script_functions(recorder),
        without_modes_in_compiled(recorder.run_compiled),
    ):
        try:
            result = recorder.model(*arguments.args, **arguments.kwargs)
        except RECORDED_ERRORS as raised:
            error = raised
    recording = Recording(
        batch=batch,
        device=device.type,
        failed=recorder.failed_calls(error),
        calls=recorder.calls,
        outputs=[shape_of(tensor) for tensor in tensors_in(result)],
        output_producers=recorder.producers_of(tensors_in(result)),
        returned=recorder.parameters_in(result),
        returned_type=type(result).__name__,
        macs=recorder.counter.total,
        error=error,
    )
    return recording, result


def create_tensors_on(device: torch.device) -> AbstractContextManager[object]:
    """Return a context manager in which new tensors are on the device.

    `torch.device` is one, but it slows down every torch function, so it is used only if it isn't the default device.
    """
    return nullcontext() if torch.get_default_device() == device else device


@contextmanager
def _record_script_functions(recorder: Recorder) -> Iterator[None]:
    """Record the calls of functions that `torch.jit.script` compiled, which a TorchFunctionMode doesn't see."""
    cls: Any = torch.jit.ScriptFunction
    original = cls.__call__

    def call(function: Any, *args: Any, **kwargs: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> Any:
            return original(function, *args, **kwargs)

        run.__name__ = str(function.name)
        with DisableTorchFunction():
            return recorder.__torch_function__(run, (), args, kwargs)

    cls.__call__ = call
    try:
        yield
    finally:
        cls.__call__ = original
