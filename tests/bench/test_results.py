"""The numbers of a benchmark: computed from samples whose medians, means and ratios differ, and shown in its tables."""

from itertools import chain
from typing import Any

import pytest
from rich.console import Console

from fashion_tui.bench.client import _measure_speeds, _speed_of_guide, _training_speeds
from fashion_tui.bench.messages import Description, MeasurePeak, PeakSample, Reply, SpeedSample, Task
from fashion_tui.data.sources import SYNTHETIC
from fashion_tui.report.bench import bench_tables
from fashion_tui.schema.bench import (
    GUIDE_LOOP,
    AppCost,
    BenchReport,
    BenchRequest,
    FullTraining,
    Latency,
    TrainingSpeed,
)

REQUEST = BenchRequest(
    dataset=SYNTHETIC, recipes=("guide",), rounds=3, seconds=1.0, seeds=2, device="cpu", threads=2
)  # fmt: skip


class Worker:
    """Answers each request with the next sample of a speed or of the peak throughput."""

    def __init__(self, *speeds: float, step_seconds: list[float]) -> None:
        steps = chain([[9.0]], [step_seconds], *[[[step] for step in step_seconds]])
        self._samples = [
            SpeedSample(images_per_second=speed, step_seconds=seconds)
            for speed, seconds in zip(speeds, steps, strict=False)
        ]
        self._peaks = [PeakSample(gflops={"fp32": gflops}) for gflops in (100, 120, 123.4, 90)]

    def ask(self, task: Task, _reply_type: type[Reply]) -> Reply:
        return self._peaks.pop(0) if isinstance(task, MeasurePeak) else self._samples.pop(0)


def described(operations: dict[str, float]) -> Description:
    precisions = dict.fromkeys(operations, "fp32")
    return Description(device="cpu", device_name="two cores", precisions=precisions, operations=operations)


def measure() -> tuple[tuple[TrainingSpeed, ...], float | None]:
    """Measure a warm-up and three rounds. The third round has the highest throughput of a matrix product."""
    recipes: Any = Worker(999, 60, 30, 100, step_seconds=[step / 1000 for step in range(1, 99)])
    workers: Any = {GUIDE_LOOP: Worker(999, 10, 20, 40, step_seconds=[0.001] * 4), "guide": recipes}
    samples, peaks = _measure_speeds(REQUEST, workers, recipes, lambda *_: None)
    machine, loop = described({"guide": 0.617e9}), described({GUIDE_LOOP: 1.234e9})
    return _training_speeds(samples, machine, loop, peaks), _speed_of_guide(samples)


def test_the_speed_is_the_median_of_the_rounds_after_the_warm_up() -> None:
    (loop, guide), ratio = measure()
    assert (loop.name, loop.images_per_second, loop.slowest, loop.fastest) == (GUIDE_LOOP, 20, 10, 40)
    assert (guide.name, guide.images_per_second, guide.slowest, guide.fastest) == ("guide", 60, 30, 100)
    assert loop.share_of_peak == pytest.approx(20 * 1.234 / 123.4)
    assert guide.share_of_peak == pytest.approx(60 * 0.617 / 123.4)
    # 98 steps of 1 to 98 ms in the first round, and one of 1 and one of 2 ms in the others.
    assert guide.step_ms == pytest.approx((48.5, 89, 98)), "the median, and what 90 % and 99 % of the steps stay below"
    assert ratio == 2.5, "the median of 60/10, 30/20 and 100/40; the ratio of the medians is 3"


def test_the_tables_of_a_benchmark() -> None:
    results, ratio = measure()
    trained = FullTraining(
        name="guide", accuracies=(0.90, 0.92), train_seconds=(10.0, 20.0, 60.0), first_step_seconds=(1.0, 2.0, 9.0),
        evaluation_seconds=(0.5, 0.6, 3.0),
    )  # fmt: skip
    report = BenchReport(
        device="cpu", device_name="two cores", threads=2, peak_gflops={"fp32": 123.4}, results=results, ratio=ratio,
        trained=(trained,), date="2026-11-30", versions={"torch": "2.14"}, dataset="synthetic", rounds=3, seconds=9.0,
        waiting=(Latency(name="help", seconds=(0.1, 0.2, 0.9)),),
        app=AppCost(
            kib_per_second=[3.0, 3.21, 9.0], cpu_share=[0.1, 0.123, 0.9], memory_mib=[1.0, 1234.5, 9999.0],
            key_ms=[float(ms) for ms in range(1, 101)], lost_speed=[0.5, 0.012, 0.011], open_seconds=[0.1, 0.2, 0.9],
            app_mib=[80.0, 88.0, 99.0], repaint_ms={1_000_000: [4.0], 1000: [1.0, 2.0, 9.0]}, list_seconds=[0.75],
        ),
    )  # fmt: skip
    console = Console(width=120, record=True)
    console.print(*bench_tables(report), sep="\n")
    text = console.export_text()
    rows = [" ".join(line.split()) for line in text.splitlines()]
    for expected in (
        "two cores, 2 threads, torch 2.14, synthetic, 3 rounds",
        "guide 60 30 100 48.50 89.00 98.00 30%",
        "peak: throughput of a large matrix multiplication, 123 GFLOP/s in fp32",
        "speed of the guide recipe relative to the guide's training loop: 2.50×",
        "guide 91.00 ± 1.41 % 2 20.0 2.0 0.6",
        "help 0.20",
        "output while a run trains 3.2 KiB/s",
        "CPU while a run trains 12% of a core",
        "memory of all processes while a run trains 1,234 MiB",
        "key press to output while a run trains 50 ms, 99th percentile 99 ms",
        "training speed lost to the app 1.2%",
        "opening a run of 1,000,000 steps 0.20 s",
        "memory of the app with this run 88 MiB",
        "drawing a chart of 1,000 steps 2.0 ms",
        "drawing a chart of 1,000,000 steps 4.0 ms",
        "listing 1,000 runs 0.75 s",
    ):
        assert expected in rows, text
    assert "\npeak: throughput" in text, "the caption is aligned with the table's left edge"
