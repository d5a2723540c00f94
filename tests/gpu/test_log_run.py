"""A script that logs tensors on a GPU doesn't wait for them."""

import time
from pathlib import Path

import pytest
import torch

from fashion_tui.runs import log_run
from tests.runs.script.parts import metrics_of

pytestmark = pytest.mark.gpu

CYCLES = 1_000_000_000
"""Work for the GPU, in clock cycles: about half a second."""


def test_logging_a_tensor_does_not_wait_for_the_gpu(tmp_path: Path) -> None:
    """The script uses its own stream, and changes the tensor after it has been logged."""
    total = torch.zeros((), device="cuda")
    torch.cuda.synchronize()
    with log_run("net", runs=tmp_path) as run, torch.cuda.stream(torch.cuda.Stream()):
        run.log(0, total=total)  # allocates memory for the copy
        torch.cuda._sleep(CYCLES)
        started = time.perf_counter()
        for step in range(1, 100):
            total += 1
            run.log(step, total=total)
        logging_seconds = time.perf_counter() - started
        torch.cuda.synchronize()
        gpu_seconds = time.perf_counter() - started
    assert logging_seconds < gpu_seconds / 2
    assert metrics_of(run) == {"total": {step: float(step) for step in range(100)}}
