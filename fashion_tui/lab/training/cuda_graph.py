"""Run training steps on a CUDA GPU.

A step is captured once as a CUDA graph, which later steps launch with a single call.

On a large GPU, the speed of a small network is limited by the time that Python needs to launch about a hundred small
kernels per step. A graph launches all kernels at once.
"""

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress

import torch
from torch import Tensor, nn

from fashion_tui.lab.data.datasets import Batch
from fashion_tui.lab.errors import first_line, is_compiler_error, is_out_of_memory

Step = Callable[[Batch, Callable[[], None]], tuple[Tensor, Tensor]]
"""Trains on a batch; returns the loss and the number of correct predictions.

`Training.steps` describes the callback.
"""

WARM_UP_STEPS = 3
"""Number of warm-up steps before the capture.

During these steps, cuDNN chooses algorithms and the optimizers create their state.
"""

MAX_QUEUED_SECONDS = 0.2
"""Maximum total duration of the steps queued on the GPU, in seconds. A single step may take longer."""

RECENT_STEPS = 8
"""Number of recent steps that are used to estimate the duration of a step.

The estimate is the longest duration of these steps, because the last batch of an epoch may be smaller and thus faster.
"""


class GPUStep:
    """Runs training steps on a GPU. Steps on full batches are replayed from a CUDA graph.

    If the last batch of an epoch is smaller, its step runs without the graph. The model and the optimizers must be
    suitable for capture: their control flow must not depend on the values of tensors, and the learning rates must be
    tensors that are changed in place. If the capture fails, no step uses a graph, and the reason is reported.
    """

    def __init__(  # noqa: PLR0913
        self,
        step: Step,
        preserve_state: Callable[[], AbstractContextManager[object]],
        batch_size: int,
        *,
        parameters: Iterable[nn.Parameter],
        capture: bool,
        report: Callable[[str], None],
    ) -> None:
        """Prepare to run `step`. If `capture` is True, steps on full batches use a CUDA graph.

        After each step, the `grad` of each of the `parameters` is the gradient of that step. `preserve_state` returns a
        context manager that undoes the steps inside the `with` block. `report` is called with a warning for the user if
        the capture fails.
        """
        self._step = step
        self._preserve_state = preserve_state
        self._batch_size = batch_size
        self._capture_enabled = capture
        self._report = report
        self._graph: torch.cuda.CUDAGraph | None = None
        self._input: Batch
        """The batch, read by the graph."""
        self._output: tuple[Tensor, Tensor]
        """Loss and number of correct predictions, written by the graph."""
        self._parameters = list(parameters)
        self._has_graph_gradients = False
        """Whether each parameter's `grad` is the tensor that the graph writes. Steps without the graph replace it."""
        self._gradients: list[tuple[nn.Parameter, Tensor | None]] = []
        """The parameters, each with the gradient that the graph writes."""
        self._queue = StepQueue()

    def __call__(self, batch: Batch, poll: Callable[[], None]) -> tuple[Tensor, Tensor]:
        """Train on a batch. The returned tensors are overwritten by the next call."""
        if len(batch.labels) == self._batch_size and self._capture_enabled and self._graph is None:
            self._try_to_capture(batch)
        if len(batch.labels) == self._batch_size and self._graph is not None:
            for static, new in zip(self._input, batch, strict=True):
                static.copy_(new)
            self._graph.replay()
            output = self._output
            if not self._has_graph_gradients:
                self._attach_gradients()
        else:
            output = self._step(batch, poll)
            self._has_graph_gradients = False
        self._queue.add()
        return output

    def discard_graph(self) -> None:
        """Capture a new graph before the next step on a full batch, because tensors of the optimizers were replaced."""
        self._graph = None
        self._has_graph_gradients = False

    def _try_to_capture(self, batch: Batch) -> None:
        try:
            self._graph = self._capture(batch)
        except RuntimeError as error:
            # If a step fails, ending the capture raises a second error, with the original error as its context.
            cause = error.__context__ if isinstance(error.__context__, Exception) else error
            if any(is_out_of_memory(one) or is_compiler_error(one) for one in (error, cause)):
                raise
            self._capture_enabled = False
            self._report(
                f"steps can't be captured as a CUDA graph, so training is several times slower: {first_line(cause)}"
            )

    def _capture(self, batch: Batch) -> torch.cuda.CUDAGraph:
        """Capture a step as the PyTorch notes on CUDA graphs describe: warm up on a side stream, then capture."""
        self._input = Batch(*(tensor.clone() for tensor in batch))
        stream = torch.cuda.current_stream()
        with self._preserve_state():
            try:
                side = torch.cuda.Stream()
                side.wait_stream(stream)
                with torch.cuda.stream(side):
                    for _ in range(WARM_UP_STEPS):
                        self._step(self._input, _no_poll)
                stream.wait_stream(side)
                graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(graph, stream=side):
                    self._output = self._step(self._input, _no_poll)
                self._gradients = [(parameter, parameter.grad) for parameter in self._parameters]
            except BaseException:
                torch.cuda.set_stream(stream)  # a failed capture may leave its stream as the current stream
                with suppress(RuntimeError):  # ignore this error; the first error is raised below
                    torch.cuda.synchronize()  # otherwise, the warm-up could overwrite restored state
                raise
        return graph

    def _attach_gradients(self) -> None:
        for parameter, gradient in self._gradients:
            parameter.grad = gradient
        self._has_graph_gradients = True


class StepQueue:
    """Limits how far the CPU runs ahead of the GPU, so that metrics and user requests aren't delayed.

    The queue always has room for at least one step, which keeps the GPU busy.
    """

    def __init__(self) -> None:
        self._queued: deque[torch.cuda.Event] = deque()
        self._last_finished: torch.cuda.Event | None = None
        self._durations: deque[float] = deque(maxlen=RECENT_STEPS)
        """Durations of the most recently finished steps, in seconds."""

    def add(self) -> None:
        """Add the step that was just launched. Wait until the steps in the queue take at most `MAX_QUEUED_SECONDS`."""
        event = torch.cuda.Event(enable_timing=True, blocking=True)  # without `blocking`, waiting keeps a CPU core busy
        event.record()
        self._queued.append(event)
        self._remove_finished()
        while len(self._queued) > self._max_length:
            self._queued[0].synchronize()
            self._remove_finished()

    @property
    def _max_length(self) -> int:
        """Maximum number of queued steps. It is 1 until the duration of a step is known."""
        longest = max(self._durations, default=MAX_QUEUED_SECONDS)
        return max(1, int(MAX_QUEUED_SECONDS / longest)) if longest > 0 else len(self._queued)

    def _remove_finished(self) -> None:
        while self._queued and self._queued[0].query():
            event = self._queued.popleft()
            if self._last_finished is not None:
                self._durations.append(self._last_finished.elapsed_time(event) / 1_000)
            self._last_finished = event


def _no_poll() -> None:
    """Do nothing. A captured step has a single micro-batch, so it never polls."""
