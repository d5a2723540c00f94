"""Training steps on a CUDA GPU, captured once as a CUDA graph and then launched with a single call.

On a large GPU, the speed of a network of this size is limited by the time that Python needs to launch about a hundred
small kernels. A graph launches them all at once.
"""

import warnings
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import Tensor

from fashion_tui.lab.data.datasets import Batch

Step = Callable[[Batch, Callable[[], None]], tuple[Tensor, Tensor]]
"""Trains on a batch; returns the loss and the number of correct predictions. `Training.steps` explains the callback."""

WARM_UP_STEPS = 3
"""Number of steps before the capture, during which cuDNN chooses algorithms and the optimizers create their state."""

MAX_QUEUED_IMAGES = 16_384
"""Maximum number of images in the steps queued on the GPU. The GPU processes them in a fraction of a second."""


class GPUStep:
    """Runs training steps on a GPU. Steps on full batches are replayed from a CUDA graph.

    If the last batch of an epoch is smaller, its step runs without the graph. The model and the optimizers must be
    suitable for capture: their control flow must not depend on values, and the learning rates must be tensors that are
    changed in place. If the capture fails, no step uses a graph, and a warning gives the reason.
    """

    def __init__(
        self,
        step: Step,
        preserve_state: Callable[[], AbstractContextManager[object]],
        batch_size: int,
        *,
        capture: bool,
    ) -> None:
        """`capture` enables the graph.

        `preserve_state` returns a context manager that undoes the steps inside the `with` block.
        """
        self._step = step
        self._preserve_state = preserve_state
        self._batch_size = batch_size
        self._capture_enabled = capture
        self._graph: torch.cuda.CUDAGraph | None = None
        self._input: Batch
        """The batch that the graph reads."""
        self._output: tuple[Tensor, Tensor]
        """Loss and number of correct predictions, which the graph writes."""
        self._max_queued_steps = max(1, MAX_QUEUED_IMAGES // batch_size)
        self._queued_steps: deque[torch.cuda.Event] = deque()

    def __call__(self, batch: Batch, poll: Callable[[], None]) -> tuple[Tensor, Tensor]:
        """Train on a batch. The returned tensors are overwritten by the next call."""
        if len(batch.labels) == self._batch_size and self._capture_enabled and self._graph is None:
            self._try_to_capture(batch)
        if len(batch.labels) == self._batch_size and self._graph is not None:
            for static, new in zip(self._input, batch, strict=True):
                static.copy_(new)
            self._graph.replay()
            output = self._output
        else:
            output = self._step(batch, poll)
        self._limit_queue()
        return output

    def _try_to_capture(self, batch: Batch) -> None:
        stream = torch.cuda.current_stream()
        try:
            self._graph = self._capture(batch)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            self._capture_enabled = False
            torch.cuda.set_stream(stream)  # a failed capture may leave its stream as the current stream
            warnings.warn(f"can't capture a CUDA graph, so steps are slower: {error}", stacklevel=1)

    def _capture(self, batch: Batch) -> torch.cuda.CUDAGraph:
        """Capture a step as the PyTorch notes on CUDA graphs describe: warm up on a side stream, then capture."""
        self._input = Batch(*(tensor.clone() for tensor in batch))
        with self._preserve_state():
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(WARM_UP_STEPS):
                    self._step(self._input, _no_poll)
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=side):
                self._output = self._step(self._input, _no_poll)
        return graph

    def _limit_queue(self) -> None:
        """Wait until at most `MAX_QUEUED_IMAGES` images are queued, so that requests and metrics are not delayed."""
        event = torch.cuda.Event()
        event.record()
        self._queued_steps.append(event)
        if len(self._queued_steps) > self._max_queued_steps:
            self._queued_steps.popleft().synchronize()


def _no_poll() -> None:
    """Do nothing. A captured step has a single micro-batch, so it never polls."""
