"""The CPUs available to this process, and settings of its OpenMP threads.

OpenMP reads its settings when torch is imported, so call the functions that change settings before that.
"""

import os
import sys
from functools import cache

SPIN_COUNT = 5_000
"""Number of iterations that a waiting thread spins before it sleeps.

Small training steps contain many short waits. A smaller number slows down the `guide` recipe on an idle machine. A
larger number slows it down on a busy machine.
"""


@cache
def available_cpus() -> int:
    """Return the number of CPUs that this process may use. Containers and `taskset` may restrict the number."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def use_passive_waiting() -> None:
    """Make waiting threads sleep. Call this in a process that rarely computes, before importing torch."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def use_brief_spinning() -> None:
    """Make waiting threads spin briefly. Call this in a process that computes continuously, before importing torch."""
    os.environ.setdefault("GOMP_SPINCOUNT", str(SPIN_COUNT))


def bind_threads() -> None:
    """Bind each thread to a core, for a process that computes on all cores. Call this before importing torch.

    This has an effect only on Linux. Without binding, the scheduler may put two threads on one core as soon as another
    process is busy. One of them then spins in a oneDNN barrier while it waits for the other, which can't run. On two
    cores, with one other process busy, training ran at 1/70 of its normal speed. With binding, training gets its fair
    share of the cores.
    """
    available_cpus()  # cache the number of CPUs now; in a bound thread, it would be 1
    if sys.platform.startswith("linux"):
        os.environ.setdefault("OMP_PROC_BIND", "true")
