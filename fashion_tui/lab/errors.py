"""Recognise torch's errors by their class or message."""

import torch

CPU_OUT_OF_MEMORY = "can't allocate memory"
"""Substring of the error message that says that the CPU ran out of memory."""

GPU_OUT_OF_MEMORY = (
    "CUDA error: out of memory",
    "HIP error: out of memory",
    "MPS backend out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "HIPBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "unable to find an engine",  # cuDNN has too little memory for the workspace of any algorithm
)
"""Substrings of the error messages that say that a GPU ran out of memory."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether the error means that the CPU or a GPU ran out of memory."""
    return is_out_of_cpu_memory(error) or is_out_of_gpu_memory(error)


def is_out_of_cpu_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and CPU_OUT_OF_MEMORY in str(error))


def is_out_of_gpu_memory(error: BaseException) -> bool:
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(part in str(error) for part in GPU_OUT_OF_MEMORY)


def is_compiler_error(error: BaseException) -> bool:
    """Return whether torch.compile raised the error."""
    return type(error).__module__.startswith(("torch._dynamo", "torch._inductor"))


def breaks_device(error: BaseException) -> bool:
    """Return whether the error makes every later GPU operation of this process fail.

    Such errors include invalid memory accesses and failed assertions on the GPU. After such an error, only a new
    process can use the GPU.
    """
    return isinstance(error, torch.AcceleratorError) and not is_out_of_memory(error)


def first_line(error: BaseException) -> str:
    """Return the first line of the error's message, or the name of its class if the message is empty."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
