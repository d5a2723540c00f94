"""Measure how fast a device computes, to estimate the time of a training step."""

import functools
import time
from collections.abc import Callable

import msgspec
import psutil
import torch
import torch.nn.functional as F

from fashion_tui.schema.training_costs import VALUE_BYTES, Throughput

from .devices import describe_device

SECONDS = 0.1
"""Minimum duration of each measurement, in seconds."""
MIN_REPEATS = 3
PRODUCT_SIZE = {"cpu": 512, "cuda": 4096, "mps": 2048}
"""Number of rows and columns of the matrices, by type of device."""
CONVOLUTION_BATCH = {"cpu": 8, "cuda": 256, "mps": 64}
CHANNELS, SIDE, KERNEL = 64, 28, 3
"""Channels, side length of the images, and kernel size of the convolution that is measured."""
ADDED_VALUES = {"cpu": 2**22, "cuda": 2**27, "mps": 2**25}
"""Number of values in the tensor that is used to measure the bandwidth. It is too large for the caches."""


def measure_throughput(device: torch.device) -> Throughput:
    """Return the speed and the free memory of a device. The first call takes half a second to measure the speed."""
    return msgspec.structs.replace(_measure_speed(device), free_memory=_free_memory(device))


@functools.cache
def _measure_speed(device: torch.device) -> Throughput:
    kind, generator = device.type, torch.Generator().manual_seed(0)

    def values(*shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=generator).to(device)

    images = values(CONVOLUTION_BATCH[kind], CHANNELS, SIDE, SIDE)
    filters = values(CHANNELS, CHANNELS, KERNEL, KERNEL)
    matrix = values(PRODUCT_SIZE[kind], PRODUCT_SIZE[kind])
    tensor, one = torch.zeros(ADDED_VALUES[kind], device=device), values(1)
    macs_per_channel = images.numel() * KERNEL**2
    with torch.inference_mode():
        convolution = _seconds(lambda: F.conv2d(images, filters, padding=KERNEL // 2), device)
        grouped = _seconds(lambda: F.conv2d(images, filters[:, :1], padding=KERNEL // 2, groups=CHANNELS), device)
        product = _seconds(lambda: matrix @ matrix, device)
        addition = _seconds(lambda: tensor.add_(1), device)
        call = _seconds(lambda: one.add_(1), device)
    return Throughput(
        device=str(device),
        description=describe_device(device),
        convolution=macs_per_channel * CHANNELS / convolution,
        grouped_convolution=macs_per_channel / grouped,
        product=PRODUCT_SIZE[kind] ** 3 / product,
        bandwidth=2 * VALUE_BYTES * ADDED_VALUES[kind] / addition,
        call_seconds=call,
        free_memory=None,
    )


def _seconds(operation: Callable[[], object], device: torch.device) -> float:
    """Return the average duration of an operation that is repeated without pauses, in seconds."""
    operation()
    synchronize(device)
    repeats, start, duration = 0, time.perf_counter(), 0.0
    while repeats < MIN_REPEATS or duration < SECONDS:
        for _ in range(max(repeats, 1)):  # each round doubles `repeats`, so few rounds wait for the device
            operation()
        repeats += max(repeats, 1)
        synchronize(device)
        duration = time.perf_counter() - start
    return duration / repeats


def synchronize(device: torch.device) -> None:
    """Wait until the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _free_memory(device: torch.device) -> int | None:
    if device.type == "cpu":
        return int(psutil.virtual_memory().available)
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return None
