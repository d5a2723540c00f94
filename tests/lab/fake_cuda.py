"""A CUDA device simulated on the CPU, for tests on machines without a GPU.

Tensors on the device are tensors on the CPU. A CUDA graph records the operations of a captured step and, as on a GPU,
repeats them on the same memory when it is replayed. Like a GPU, it doesn't repeat any Python code.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

CPU = torch.device("cpu")

GIB = 2**30


class OnCPU(TorchFunctionMode):
    """Replaces the device in every call with the CPU."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*map(_on_cpu, args), **{name: _on_cpu(value) for name, value in (kwargs or {}).items()})


def _on_cpu(value: Any) -> Any:
    if isinstance(value, torch.device):
        return CPU if value.type in {"cuda", "mps"} else value
    return type(value)(map(_on_cpu, value)) if type(value) in {list, tuple} else value


class FakeClock:
    """The time of the CPU, and the time at which the GPU has finished all work."""

    def __init__(self) -> None:
        self.now = 0.0
        self.finished = 0.0

    def launch(self, seconds: float) -> None:
        """Queue work that takes the GPU this long."""
        self.finished = max(self.now, self.finished) + seconds


class FakeEvent:
    """Marks the work that is queued when it is recorded."""

    clock = FakeClock()
    """The clock of all events; tests replace it."""

    def __init__(self, *, enable_timing: bool = False, blocking: bool = False) -> None:
        self.is_timed = enable_timing
        self.is_blocking = blocking
        self.time = 0.0

    def record(self, _stream: object = None) -> None:
        self.time = max(self.clock.now, self.clock.finished)

    def query(self) -> bool:
        return self.time <= self.clock.now

    def synchronize(self) -> None:
        assert self.is_blocking, "waiting for this event would keep a core busy"
        self.clock.now = max(self.clock.now, self.time)

    def elapsed_time(self, later: "FakeEvent") -> float:
        """Return the elapsed time in milliseconds."""
        assert self.is_timed
        assert later.is_timed
        assert self.query()
        assert later.query()
        return 1_000 * (later.time - self.time)


class FakeGraph:
    """Repeats the recorded operations on the memory that they used when they were recorded."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, Any, Any, list[Tensor]]] = []
        self.replays = 0

    def replay(self) -> None:
        assert self.calls, "nothing was captured"
        self.replays += 1
        with torch.no_grad():
            for func, args, kwargs, outputs in self.calls:
                again = [leaf for leaf in tree_leaves(func(*args, **kwargs)) if isinstance(leaf, Tensor)]
                for output, new in zip(outputs, again, strict=True):
                    if output.data_ptr() != new.data_ptr():  # neither a view nor changed in place
                        output.copy_(new)


class _Recorder(TorchDispatchMode):
    def __init__(self, graph: FakeGraph) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.graph = graph

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing")
        output = func(*args, **(kwargs or {}))
        outputs = [leaf.detach() for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]
        self.graph.calls.append((func, args, kwargs or {}, outputs))
        return output


class FakeStream:
    def wait_stream(self, stream: object) -> None:
        pass


class FakeCuda:
    """The state of the simulated device that tests can inspect."""

    def __init__(self) -> None:
        self.graphs: list[FakeGraph] = []
        self.stream = FakeStream()
        self.current_stream = self.stream
        self.is_capturing = False
        self.calls: list[str] = []
        """Names of the calls whose order matters."""

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def new_graph() -> FakeGraph:
            self.graphs.append(FakeGraph())
            return self.graphs[-1]

        @contextmanager
        def stream(side: FakeStream) -> Iterator[None]:
            before, self.current_stream = self.current_stream, side
            yield
            self.current_stream = before

        @contextmanager
        def graph(captured: FakeGraph, stream: FakeStream) -> Iterator[None]:
            self.current_stream, self.is_capturing = stream, True
            try:
                with _Recorder(captured):
                    yield
            except RuntimeError:
                # As in torch: ending the capture raises another error, and the stream stays the current one.
                raise RuntimeError("CUDA error: operation failed due to a previous error during capture")  # noqa: B904
            finally:
                self.is_capturing = False
            self.current_stream = self.stream

        replaced: dict[str, Any] = {
            "CUDAGraph": new_graph,
            "Event": FakeEvent,
            "Stream": FakeStream,
            "current_device": lambda: 0,
            "current_stream": lambda _device=None: self.current_stream,
            "empty_cache": lambda: self.calls.append("empty_cache"),
            "get_device_properties": lambda _device: SimpleNamespace(
                name="Simulated GPU", uuid="a", major=9, minor=0, total_memory=80 * GIB
            ),
            "get_rng_state": lambda _device: torch.zeros(16, dtype=torch.uint8),
            "graph": graph,
            "is_available": lambda: True,
            "is_current_stream_capturing": lambda: self.is_capturing,
            "mem_get_info": lambda _device: (79 * GIB, 80 * GIB),
            "set_device": _check_index,
            "set_rng_state": lambda _state, _device: self.calls.append("restore"),
            "set_stream": lambda new: setattr(self, "current_stream", new),
            "stream": stream,
            "synchronize": lambda _device=None: self.calls.append("synchronize"),
        }
        for name, value in replaced.items():
            monkeypatch.setattr(torch.cuda, name, value)
        monkeypatch.setattr(FakeEvent, "clock", FakeClock())
        # With these replacements, optimizers check that they are capturable.
        monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda **_: torch.device("cuda", 0))
        stream_state = SimpleNamespace(is_capturing=lambda: self.is_capturing)
        monkeypatch.setattr(torch.accelerator, "current_stream", lambda: stream_state)


def _check_index(device: torch.device) -> None:
    """Raise the error of `torch.cuda.set_device` for a device without an index."""
    if torch.cuda._utils._get_device_index(device) != 0:
        raise RuntimeError("CUDA error: invalid device ordinal")


@contextmanager
def fake_cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCuda]:
    """Simulate a CUDA device in the `with` block."""
    fake = FakeCuda()
    with monkeypatch.context() as patch, OnCPU():
        fake.install(patch)
        yield fake
