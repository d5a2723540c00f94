"""The results of the long fault tests, as a table."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

HEADINGS = ("fault", "tried", "hit", "steps lost", "bits differing")


@dataclass(frozen=True)
class Fault:
    """The results of one kind of fault."""

    name: str
    tried: int
    hit: int
    """Number of attempts in which the trainer was still running when the fault was injected."""
    steps_lost: int
    """Number of steps that were logged and had to be repeated."""
    bits_differing: int
    """Number of bits in which the final states differ from those of the undisturbed run."""


RecordFault = Callable[[Fault], None]


def encode(fault: Fault) -> list[tuple[str, object]]:
    """Return the fault as the value of a test report's property."""
    return list(asdict(fault).items())


def table(faults: list[Fault]) -> list[str]:
    """Return the lines of a Markdown table with one row per fault and a total."""
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
