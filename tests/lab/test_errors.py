"""Errors of torch, recognised by their class or message."""

import pytest
import torch

from fashion_tui.lab.errors import breaks_device, is_compiler_error, is_out_of_memory


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        torch.AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("GET was unable to find an engine to execute this computation"),
        RuntimeError("MPS backend out of memory (MPS allocated: 17 GB)"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
)
def test_every_form_of_out_of_memory_is_recognised(error: Exception) -> None:
    assert is_out_of_memory(error)
    assert not breaks_device(error)
    assert not is_compiler_error(error)


@pytest.mark.parametrize("text", ["CUDA error: an illegal memory access was encountered", "CUDA error: device-side"])
def test_an_error_on_the_gpu_breaks_the_process(text: str) -> None:
    assert breaks_device(torch.AcceleratorError(text))
    assert not is_out_of_memory(torch.AcceleratorError(text))


def test_other_errors_are_neither() -> None:
    error = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    assert not any(kind(error) for kind in (is_out_of_memory, is_compiler_error, breaks_device))
    assert is_compiler_error(torch._dynamo.exc.Unsupported("graph break"))
