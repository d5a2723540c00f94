"""A whole training step as a CUDA graph: recorded once, then launched as one, so that no kernel waits for Python.

A network of this size on a large GPU is limited by how fast its hundred little kernels are launched, not by them.
"""

import warnings
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from fashion_tui.lab.data.datasets import Batch
from fashion_tui.lab.rng import rng_state, set_rng_state

from .step import Step

WARM_UP = 3
"""Steps before the recording: cuDNN chooses its algorithms, optimisers make their states."""


class CapturedStep:
    """A `Step` whose full batches are replayed from a graph. The last batch of an epoch, if smaller, is made as it is.

    Recipe, network and learning rates have to be as a graph needs them: no branch that depends on a value, and rates
    in tensors, which are changed in place. Where recording fails all steps are made as they are, with a warning.
    """

    def __init__(self, step: Step) -> None:
        self.step = step
        self._graph: torch.cuda.CUDAGraph | None = None
        self._can_record = True
        self._batch: Batch
        """What the graph reads."""
        self._figures: tuple[Tensor, Tensor]
        """What it writes: loss and right answers."""

    def __call__(self, batch: Batch, between: Callable[[], None]) -> tuple[Tensor, Tensor]:
        """As `Step`; the figures are good until the next call."""
        if len(batch.labels) < self.step.recipe.batch_size:
            return self.step(batch, between)
        if self._graph is None and self._can_record:
            stream = torch.cuda.current_stream()
            try:
                self._graph = self._record(batch)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                self._can_record = False
                torch.cuda.set_stream(stream)  # a recording that breaks off may leave its own behind
                warnings.warn(f"no CUDA graph, the kernels are launched one by one: {error}", stacklevel=1)
        if self._graph is None:
            return self.step(batch, between)
        for mine, given in zip(self._batch, batch, strict=True):
            mine.copy_(given)
        self._graph.replay()
        return self._figures

    def _record(self, batch: Batch) -> torch.cuda.CUDAGraph:
        """As PyTorch's notes on CUDA graphs have it: first on a side stream, then once more, recorded."""
        self._batch = Batch(*(part.clone() for part in batch))
        with put_back(self.step):
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(WARM_UP):
                    self.step(self._batch, _nothing)
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=side):
                self._figures = self.step(self._batch, _nothing)
        return graph


@contextmanager
def put_back(step: Step) -> Iterator[None]:
    """Whatever steps are made inside, afterwards all is as it was, and in the same memory, which a graph goes on using.

    That is: weights, buffers, the optimisers' states, and the generators.
    """
    tensors = [*step.model.state_dict().values(), *_optimizer_tensors(step)]
    before = [(tensor, tensor.clone()) for tensor in tensors]
    generators = rng_state(step.device)
    try:
        yield
    finally:
        known = {id(tensor) for tensor in tensors}
        with torch.no_grad():
            for tensor, value in before:
                tensor.copy_(value)
            for tensor in _optimizer_tensors(step):
                if id(tensor) not in known:  # made by the first step, from 0
                    tensor.zero_()
        set_rng_state(generators, step.device)


def _optimizer_tensors(step: Step) -> list[Tensor]:
    """Moments and counts, none before the first step."""
    return [
        value
        for optimizer in step.optimizers
        for state in optimizer.state.values()
        for value in state.values()
        if isinstance(value, Tensor)
    ]


class Lead:
    """Keeps the program at most so many images ahead of the GPU: who asks something of the training, or reads a figure,
    waits for no more than that.
    """

    IMAGES = 16_384
    """A fraction of a second's work for a network of this size."""

    def __init__(self, batch_size: int) -> None:
        self._steps = max(1, self.IMAGES // batch_size)
        self._made: deque[torch.cuda.Event] = deque()

    def keep(self) -> None:
        """To be called after each step."""
        event = torch.cuda.Event()
        event.record()
        self._made.append(event)
        if len(self._made) > self._steps:
            self._made.popleft().synchronize()


def _nothing() -> None:
    """Between the pieces of a step that is made for the recording: a GPU has one."""
