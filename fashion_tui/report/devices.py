"""A device in a line: which it is, and how free."""

from fashion_tui.schema.replies import Device

from .words import memory


def device_words(device: Device) -> str:
    """`3% busy, 2.1 GiB of 79.6 GiB taken: NVIDIA H100`, as far as it is known."""
    words = [f"{device.busy:.0%} busy"] if device.busy is not None else []
    if device.memory is not None and device.memory_used is not None:
        words.append(f"{memory(device.memory_used)} of {memory(device.memory)} taken")
    return ": ".join(part for part in (", ".join(words), device.description) if part)
