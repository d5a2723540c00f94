"""How the threads of torch wait for each other."""

import os

import psutil

LOOK = 0.1
"""Seconds for which the machine is watched."""

QUIET = 30.0
"""Percent: a machine less busy than that is taken to be ours."""


def let_waiting_threads_sleep() -> None:
    """Let threads that wait sleep instead of spin; to be called before torch is imported, for OpenMP reads it then.

    A spinning thread keeps its core from the one that it waits for wherever the machine has other work: with the two
    cores shared by a few processes, the guide's steps took some twenty times as long.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def let_waiting_threads_spin_on_a_quiet_machine() -> None:
    """As `let_waiting_threads_sleep`, unless nothing else works here: then small batches are trained nearly twice as
    fast by threads that don't have to be woken. The result is the same to the bit.
    """
    if psutil.cpu_percent(LOOK) >= QUIET:
        let_waiting_threads_sleep()
