"""A device in a line."""

import pytest

from fashion_tui.report.devices import device_words
from fashion_tui.schema.replies import Device

GPU = Device(name="cuda:0", description="NVIDIA H100", memory=80 * 2**30, busy=0.03, memory_used=2 * 2**30)


@pytest.mark.parametrize(
    ("device", "words"),
    [
        (GPU, "3% busy, 2 GiB of 80 GiB taken: NVIDIA H100"),
        (Device(name="mps", description="Apple GPU", memory=None), "Apple GPU"),
        (Device(name="cuda:1", description="NVIDIA T4", memory=2**30, busy=1.0), "100% busy: NVIDIA T4"),
    ],
)
def test_what_is_known_is_said(device: Device, words: str) -> None:
    assert device_words(device) == words
