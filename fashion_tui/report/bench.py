"""Tables of a benchmark's results."""

import statistics
from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from fashion_tui.schema.bench import MANY_RUNS, AppCost, BenchReport, FullTraining, Latency, TrainingSpeed

from .formatting import format_percent
from .glyphs import terminal_glyphs
from .style import ACCENT, MUTED


def bench_tables(report: BenchReport) -> list[RenderableType]:
    """Return tables of training speed, accuracy, waiting times and the app's resource usage."""
    version = f"torch {report.versions.get('torch', '?')}"
    rounds = "1 round" if report.rounds == 1 else f"{report.rounds} rounds"
    threads = f", {report.threads} threads" if report.device == "cpu" else ""
    tables: list[RenderableType] = [
        Text(f"{report.device_name}{threads}, {version}, {report.dataset}, {rounds}", MUTED),
        _speed_table(report),
    ]
    if report.ratio is not None:
        ratio = (f"{report.ratio:.2f}×", f"bold {ACCENT}")
        tables.append(Text.assemble("speed of the guide recipe relative to the guide's training loop: ", ratio))
    if report.trained:
        tables.append(_accuracy_table(report.trained))
    if report.waiting:
        tables.append(_waiting_table(report.waiting))
    if report.app is not None:
        tables.append(_app_table(report.app))
    return tables


def format_accuracies(accuracies: Sequence[float]) -> str:
    """Return the mean and standard deviation of accuracies, such as `91.02 ± 0.21 %`."""
    mean = format_percent(statistics.mean(accuracies), digits=2)
    if len(accuracies) == 1:
        return mean
    return mean.replace(
        " %", f" {terminal_glyphs().plus_minus} {format_percent(statistics.stdev(accuracies), digits=2)}"
    )


def _speed_table(report: BenchReport) -> Table:
    table = _table("images/s", "slowest", "fastest", "step ms", "90 %", "99 %", "of peak")
    for speed in report.results:
        table.add_row(speed.name, *_speed_cells(speed))
    peaks = ", ".join(f"{gflops:,.0f} GFLOP/s in {precision}" for precision, gflops in report.peak_gflops.items())
    table.caption = f"peak: throughput of a large matrix multiplication, {peaks}"
    table.caption_justify = "left"
    return table


def _speed_cells(speed: TrainingSpeed) -> list[str]:
    rates = (f"{rate:,.0f}" for rate in (speed.images_per_second, speed.slowest, speed.fastest))
    return [*rates, *(f"{milliseconds:.2f}" for milliseconds in speed.step_ms), f"{speed.share_of_peak:.0%}"]


def _accuracy_table(trainings: Sequence[FullTraining]) -> Table:
    table = _table("test accuracy", "seeds", "train seconds", "first step", "evaluation")
    for training in trainings:
        times = (training.train_seconds, training.first_step_seconds, training.evaluation_seconds)
        medians = (f"{statistics.median(seconds):.1f}" for seconds in times)
        accuracy = format_accuracies(training.accuracies)
        table.add_row(training.name, accuracy, str(len(training.accuracies)), *medians)
    return table


def _waiting_table(latencies: Sequence[Latency]) -> Table:
    table = _table("seconds")
    for latency in latencies:
        table.add_row(latency.name, f"{statistics.median(latency.seconds):.2f}")
    return table


def _app_table(app: AppCost) -> Table:
    """Return the medians of the app's measurements, and the 99th percentile of the times after a key press."""
    table = _table("median")
    slowest = statistics.quantiles(app.key_ms, n=100, method="inclusive")[-1]
    longest = max(app.repaint_ms)
    median = statistics.median
    table.add_row("output while a run trains", f"{median(app.kib_per_second):.1f} KiB/s")
    table.add_row("CPU while a run trains", f"{median(app.cpu_share):.0%} of a core")
    table.add_row("memory of all processes while a run trains", f"{median(app.memory_mib):,.0f} MiB")
    table.add_row(
        "key press to output while a run trains", f"{median(app.key_ms):.0f} ms, 99th percentile {slowest:.0f} ms"
    )
    table.add_row("training speed lost to the app", f"{median(app.lost_speed):.1%}")
    table.add_row(f"opening a run of {longest:,} steps", f"{median(app.open_seconds):.2f} s")
    table.add_row("memory of the app with this run", f"{median(app.app_mib):.0f} MiB")
    for steps, times in sorted(app.repaint_ms.items()):
        table.add_row(f"drawing a chart of {steps:,} steps", f"{median(times):.1f} ms")
    table.add_row(f"listing {MANY_RUNS:,} runs", f"{median(app.list_seconds):.2f} s")
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style=MUTED, caption_style=MUTED)
    table.add_column("")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table
