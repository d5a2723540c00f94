"""How busy the NVIDIA GPUs of this machine are, by whose work ever, asked of `nvidia-smi`: that makes no context."""

import csv
import subprocess
from dataclasses import dataclass

QUERY = (
    "nvidia-smi", "--query-gpu=uuid,utilization.gpu,memory.used", "--format=csv,noheader,nounits",
)  # fmt: skip
PATIENCE = 5.0
"""Seconds; with many GPUs and none in use the driver takes its time."""


@dataclass(frozen=True)
class Usage:
    utilization: float | None
    """Share of the last moments in which it computed, in [0, 1]; None where the driver doesn't say."""
    memory_used: int | None
    """Bytes."""


def usage_by_uuid() -> dict[str, Usage]:
    """Of each GPU by its UUID as torch gives it, without `GPU-`; empty where `nvidia-smi` can't be asked."""
    try:
        answer = subprocess.run(
            QUERY, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError, ValueError):
        return {}
    rows = (row for row in csv.reader(answer.splitlines(), skipinitialspace=True) if len(row) == 3)
    return {uuid.removeprefix("GPU-"): _usage(busy, memory) for uuid, busy, memory in rows}


def _usage(busy: str, memory: str) -> Usage:
    """`[N/A]` stands for what isn't known."""
    return Usage(
        utilization=int(busy) / 100 if busy.isdigit() else None,
        memory_used=int(memory) * 2**20 if memory.isdigit() else None,
    )
