"""The measuring processes, as the command sees them, and the figures out of their answers. Imports no torch."""

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from operator import truediv
from typing import TypeVar

import msgspec

from fashion_tui.schema.bench import GUIDE_LOOP, BenchRequest, FullTraining, TrainingBenchmark, TrainingSpeed
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.recipe import GUIDE

from .orders import Answer, Assignment, Describe, Described, Order, Problem, Turn, TurnTaken, Whole, WholeTrained

COMMAND = (sys.executable, "-P", "-m", "fashion_tui.bench")

WARM_UP = 0.4
"""Seconds of each road that aren't counted."""

Tell = Callable[[str, int, int], None]
"""Is told what is being done, and how much of how much is over."""

Kind = TypeVar("Kind", bound=Answer)


def measured(request: BenchRequest, tell: Tell) -> TrainingBenchmark:
    """All that the request asks for: the loop in a process as a person would start it, the recipes in one like a
    trainer's, one at a time. UserError where one of them says what is wrong, or ends without an answer.
    """
    tell("loading", 0, 0)
    with ExitStack() as stack:
        ours = stack.enter_context(_process(request, request.recipes, as_trainer=True))
        theirs = stack.enter_context(_process(request, (GUIDE_LOOP,), as_trainer=False))
        roads = {GUIDE_LOOP: theirs, **dict.fromkeys(request.recipes, ours)}
        machine, loop = ours.ask(Describe(), Described), theirs.ask(Describe(), Described)
        speeds, ratio = _speeds(request, roads, _share_of_peak(machine, loop), tell)
        trained = _trained(request, roads, tell)
    return TrainingBenchmark(
        device=machine.device,
        device_name=machine.device_name,
        threads=request.threads,
        peak_gflops=machine.peak_gflops,
        results=speeds,
        trained=trained,
        ratio=ratio,
    )


class MeasuringProcess:
    """One of them."""

    def __init__(self, process: subprocess.Popen[str], last_words: Callable[[], str]) -> None:
        self._process = process
        self._last_words = last_words

    def ask(self, order: Order, kind: type[Kind]) -> Kind:
        assert self._process.stdin is not None  # noqa: S101 - for the type checker
        assert self._process.stdout is not None  # noqa: S101
        try:
            self._process.stdin.write(msgspec.json.encode(order).decode() + "\n")
            self._process.stdin.flush()
        except OSError:
            pass  # it has ended: what it said comes first
        line = self._process.stdout.readline()
        if not line:
            raise UserError(f"a measuring process ended without an answer: {self._last_words() or 'it was killed'}")
        answer = msgspec.json.decode(line, type=Described | TurnTaken | WholeTrained | Problem)
        if isinstance(answer, Problem):
            raise (UsageError if answer.is_usage else UserError)(answer.text)
        assert isinstance(answer, kind)  # noqa: S101
        return answer


@contextmanager
def _process(request: BenchRequest, roads: tuple[str, ...], *, as_trainer: bool) -> Iterator[MeasuringProcess]:
    """Killed at the end, whatever it does then."""
    assignment = Assignment(
        dataset=request.dataset,
        roads=roads,
        device=request.device,
        threads=request.threads,
        as_trainer=as_trainer,
    )
    with tempfile.TemporaryFile() as words:

        def last_words() -> str:
            words.seek(0)
            return next(reversed(words.read().decode(errors="replace").strip().splitlines()), "")

        command = [*COMMAND, msgspec.json.encode(assignment).decode()]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words, text=True, encoding="utf-8"
        )
        with process:
            try:
                yield MeasuringProcess(process, last_words)
            finally:
                process.kill()


def _share_of_peak(machine: Described, loop: Described) -> Callable[[str, float], float]:
    precisions, operations = machine.precisions | loop.precisions, machine.operations | loop.operations
    return lambda road, speed: speed * operations[road] / (machine.peak_gflops[precisions[road]] * 1e9)


def _speeds(
    request: BenchRequest,
    roads: dict[str, MeasuringProcess],
    share_of_peak: Callable[[str, float], float],
    tell: Tell,
) -> tuple[tuple[TrainingSpeed, ...], float | None]:
    """Of each road; and the guide's recipe over its loop. The roads take turns: what disturbs one disturbs all."""
    turns: dict[str, list[TurnTaken]] = {road: [] for road in roads}
    done, total = 0, len(roads) * (request.rounds + 1)
    for number in range(request.rounds + 1):
        for road, process in roads.items():
            tell(f"speed of {road}", done, total)
            turn = process.ask(Turn(road=road, seconds=request.seconds if number else WARM_UP), TurnTaken)
            if number:
                turns[road].append(turn)
            done += 1
    found = {road: [turn.images_per_second for turn in its] for road, its in turns.items()}
    speeds = tuple(
        TrainingSpeed(
            name=road,
            images_per_second=statistics.median(found[road]),
            slowest=min(found[road]),
            fastest=max(found[road]),
            step_ms=_percentiles([seconds for turn in its for seconds in turn.step_seconds]),
            share_of_peak=share_of_peak(road, statistics.median(found[road])),
        )
        for road, its in turns.items()
    )
    if GUIDE.name not in found:
        return speeds, None
    return speeds, statistics.median(map(truediv, found[GUIDE.name], found[GUIDE_LOOP]))


def _percentiles(seconds: list[float]) -> tuple[float, float, float]:
    """Milliseconds: median, 90 % and 99 %."""
    ordered = sorted(seconds)
    share = [ordered[len(ordered) * percent // 100] for percent in (90, 99)]
    return 1_000 * statistics.median(ordered), 1_000 * share[0], 1_000 * share[1]


def _trained(request: BenchRequest, roads: dict[str, MeasuringProcess], tell: Tell) -> tuple[FullTraining, ...]:
    """Whole trainings, the roads taking turns again."""
    found: dict[str, list[WholeTrained]] = {road: [] for road in roads}
    total = request.seeds * len(roads)
    for seed in range(request.seeds):
        for number, (road, process) in enumerate(roads.items()):
            tell(f"accuracy of {road}, seed {seed}", seed * len(roads) + number, total)
            found[road].append(process.ask(Whole(road=road, seed=seed), WholeTrained))
    return tuple(
        FullTraining(
            name=road,
            accuracies=tuple(one.accuracy for one in its),
            train_seconds=tuple(one.seconds for one in its),
            first_step_seconds=tuple(one.first_step_seconds for one in its),
            evaluation_seconds=tuple(one.evaluation_seconds for one in its),
        )
        for road, its in found.items()
        if its
    )
