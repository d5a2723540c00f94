"""How the threads of torch wait for each other."""

import os


def let_waiting_threads_sleep() -> None:
    """Let threads that wait sleep instead of spin; to be called before torch is imported, for OpenMP reads it then.

    A spinning thread keeps its core from the one that it waits for wherever the machine has other work: with the two
    cores shared by a few processes, the guide's steps took some twenty times as long.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
