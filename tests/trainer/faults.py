"""What the long fault tests find, as a table at the end of their run."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

HEADINGS = ("fault", "tried", "hit", "steps lost", "bits differing")


@dataclass(frozen=True)
class Fault:
    """How a kind of fault went, over all the times that it was tried."""

    name: str
    tried: int
    hit: int
    """How often the trainer was still at work when the fault came."""
    steps_lost: int
    """Steps that had been made and logged, and were made again."""
    bits_differing: int
    """Of the final states, against that of the run that never was disturbed."""


RecordFault = Callable[[Fault], None]


def encode(fault: Fault) -> list[tuple[str, object]]:
    """As it travels with the report of a test."""
    return list(asdict(fault).items())


def table(faults: list[Fault]) -> list[str]:
    """In Markdown, one line a fault, and their sum."""
    total = Fault(
        "all",
        sum(fault.tried for fault in faults),
        sum(fault.hit for fault in faults),
        sum(fault.steps_lost for fault in faults),
        sum(fault.bits_differing for fault in faults),
    )
    rows: list[tuple[str, ...]] = [HEADINGS, ("---", "--:", "--:", "--:", "--:")]
    for fault in [*faults, total]:
        counts = (fault.tried, fault.hit, fault.steps_lost, fault.bits_differing)
        rows.append((fault.name, *(f"{count:,}" for count in counts)))
    return [f"| {' | '.join(row)} |" for row in rows]
