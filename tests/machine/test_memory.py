"""The memory allocator reuses freed memory."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import numpy as np
from fashion_tui.machine.memory import reuse_freed_memory

if "reuse" in sys.argv:
    reuse_freed_memory()

def allocate():
    for _ in range(20):
        blocks = [np.ones(2**20) for _ in range(3)]  # 8 MiB each

allocate()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
allocate()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(*arguments: str) -> int:
    result = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], check=True, capture_output=True, text=True)
    return int(result.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs glibc")
def test_reused_memory_causes_few_page_faults() -> None:
    assert page_faults("reuse") < 0.1 * page_faults()
