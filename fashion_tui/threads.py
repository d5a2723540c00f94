"""Where the threads of torch run, and how they wait for each other. OpenMP reads it when torch is imported."""

import os
import sys
from functools import cache

SPINS = 5_000
"""Looks that a waiting thread takes before it sleeps: a small step has many short waits, and a longer one isn't worth
the core. With fewer, `guide` is slower where nothing else computes; with more, where something does."""


@cache
def available_threads() -> int:
    """CPUs that this process may use: a container or `taskset` may leave fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def let_waiting_threads_sleep() -> None:
    """For who computes now and then, beside others. To be called before torch is imported."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def let_waiting_threads_spin_briefly() -> None:
    """For who computes all the time. To be called before torch is imported."""
    os.environ.setdefault("GOMP_SPINCOUNT", str(SPINS))


def bind_threads() -> None:
    """Give each thread a core of its own, where the system can; for a process that computes on all of them.

    To be called before torch is imported. Otherwise, as soon as anything else computes, two of the threads may share
    a core. One then spins in a barrier of oneDNN's, waiting for the other, which can't run meanwhile: on two cores, a
    training beside one busy process fell to a seventieth of its speed. Bound, it keeps its fair share.
    """
    available_threads()  # to be counted now: a bound thread knows of one core alone
    if sys.platform.startswith("linux"):
        os.environ.setdefault("OMP_PROC_BIND", "true")
