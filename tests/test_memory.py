"""Memory that tensors leave behind is used again."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import numpy as np
from fashion_tui.memory import keep_freed_memory

if "keep" in sys.argv:
    keep_freed_memory()

def use():
    for _ in range(20):
        blocks = [np.ones(2**20) for _ in range(3)]  # 8 MiB each

use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(*arguments: str) -> int:
    """Pages that the system had to hand out."""
    ran = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], check=True, capture_output=True, text=True)
    return int(ran.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's own")
def test_pages_are_asked_for_once() -> None:
    assert faults("keep") < 0.1 * faults()
