"""Measure the training steps of a user's own loop through hooks of the model and its optimizers."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any
from weakref import WeakSet

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook

from .hook import Hook
from .observation import StepObserver

PERIOD = 1.0
"""Minimum time between two measurements, in seconds."""


class MeasuredStep:
    """The metrics of a training step, which are still on the device."""

    def __init__(self, observer: StepObserver) -> None:
        self._observer = observer
        self._event: torch.cuda.Event | None = None
        if torch.cuda.is_initialized():
            self._event = torch.cuda.Event(blocking=True)  # waiting for it doesn't keep a core busy
            self._event.record()

    def read(self) -> Mapping[str, float]:
        """Wait for the device, and return the metrics of `StepObserver.take`. Call this once, in any thread."""
        if self._event is not None:
            self._event.synchronize()
        measured = self._observer.take()
        return {} if measured is None else measured[1]


class ModelWatcher:
    """Measures a training step of a model about once a second.

    A measurement begins with a forward pass in training mode and ends when all optimizers of the model's parameters
    have made a step. The first step isn't measured, because the optimizers aren't known before. An optimizer must be a
    `torch.optim.Optimizer`.
    """

    def __init__(self, model: nn.Module, report: Callable[[str], None]) -> None:
        """Watch a model until `close`. If measuring fails, `report` is called with the reason, and watching ends."""
        inner = getattr(model, "_orig_mod", model)  # of a compiled model
        self._model = inner.module if isinstance(inner, nn.parallel.DistributedDataParallel) else inner
        self._is_compiled = inner is not model
        self._report = report
        self._parameters = set(model.parameters())
        self._optimizers: WeakSet[Optimizer] = WeakSet()
        """The optimizers that have made a step with the model's parameters."""
        self._stepped: WeakSet[Optimizer] = WeakSet()
        """The optimizers that have made a step since the measurement began."""
        self._observer: StepObserver | None = None
        """Observer of the current measurement, or None."""
        self._block: AbstractContextManager[None] | None = None
        self._measured: MeasuredStep | None = None
        self._due = 0.0
        self._handles = [
            model.register_forward_pre_hook(Hook(self._before_forward)),
            register_optimizer_step_post_hook(self._after_step),
        ]

    def take(self) -> MeasuredStep | None:
        """Return the newest measurement, or None if there was none since the last call."""
        measured, self._measured = self._measured, None
        return measured

    def close(self) -> None:
        """Remove the hooks."""
        for handle in self._handles:
            handle.remove()
        self._drop()

    def _before_forward(self, model: nn.Module, _inputs: Any) -> None:
        if not (model.training and torch.is_grad_enabled()):
            return
        if self._observer is not None:
            if not self._stepped:
                return  # gradients are accumulated over several passes
            self._optimizers = WeakSet(self._stepped)  # the other optimizers aren't used any more
            self._drop()
        if self._optimizers and time.monotonic() >= self._due:
            self._try(self._begin)

    def _after_step(self, optimizer: Optimizer, _arguments: Any, _keywords: Any) -> None:
        if optimizer not in self._optimizers:
            if not any(
                parameter in self._parameters for group in optimizer.param_groups for parameter in group["params"]
            ):
                return
            self._optimizers.add(optimizer)
        if self._observer is None:
            return
        self._stepped.add(optimizer)
        if len(self._stepped) == len(self._optimizers):
            self._try(self._finish)

    def _begin(self) -> None:
        self._stepped = WeakSet()
        observer = StepObserver(self._model)
        observer.request(layers=True)
        # Hooks of the layers would compile a compiled model again, so its activations aren't measured.
        self._block = observer.observe(0, (lambda: None) if self._is_compiled else None)
        self._block.__enter__()
        self._observer = observer

    def _finish(self) -> None:
        observer, block, self._observer, self._block = self._observer, self._block, None, None
        if observer is not None and block is not None:
            block.__exit__(None, None, None)
            self._measured = MeasuredStep(observer)
            self._due = time.monotonic() + PERIOD

    def _drop(self) -> None:
        """Discard the current measurement."""
        block, self._observer, self._block = self._block, None, None
        if block is not None:
            self._try(lambda: block.__exit__(None, None, None))

    def _try(self, function: Callable[[], object]) -> None:
        try:
            function()
        except Exception as error:  # noqa: BLE001 - the loop must continue
            self._observer = self._block = None
            self.close()
            self._report(f"the layers aren't measured: {type(error).__name__}: {error}")
