"""A benchmark as tables."""

import statistics

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from fashion_tui.schema.bench import BenchReport, FullTraining, TrainingSpeed

from .style import ACCENT, MUTED


def bench_tables(report: BenchReport) -> list[RenderableType]:
    """Speed first, then accuracy, then what a person waits for."""
    versions = f"torch {report.versions.get('torch', '?')}"
    rounds = "1 round" if report.rounds == 1 else f"{report.rounds} rounds"
    threads = f", {report.threads} threads" if report.device == "cpu" else ""
    found: list[RenderableType] = [
        Text(f"{report.device_name}{threads}, {versions}, {report.dataset}, {rounds}", MUTED),
        _speeds(report),
    ]
    if report.ratio is not None:
        found.append(
            Text.assemble("the guide's recipe over its own loop: ", (f"{report.ratio:.2f}×", f"bold {ACCENT}"))
        )
    if report.trained:
        found.append(_trained(report.trained))
    if report.waiting or report.app:
        found.append(_waiting(report))
    return found


def accuracy_words(trained: FullTraining) -> str:
    """`91.02 ± 0.21 %`: mean and standard deviation over the seeds."""
    mean = statistics.mean(trained.accuracies)
    if len(trained.accuracies) == 1:
        return f"{mean:.2%}"
    return f"{100 * mean:.2f} ± {100 * statistics.stdev(trained.accuracies):.2f} %"


def _speeds(report: BenchReport) -> Table:
    table = _table("images/s", "slowest", "fastest", "step ms", "90 %", "99 %", "of peak")
    for one in report.results:
        table.add_row(one.name, *_speed(one))
    peaks = ", ".join(f"{value:,.0f} in {name}" for name, value in report.peak_gflops.items())
    table.caption = f"peak: 10⁹ operations a second of a matrix product: {peaks}"
    table.caption_justify = "left"
    return table


def _speed(one: TrainingSpeed) -> list[str]:
    rates = (f"{rate:,.0f}" for rate in (one.images_per_second, one.slowest, one.fastest))
    return [*rates, *(f"{milliseconds:.2f}" for milliseconds in one.step_ms), f"{one.share_of_peak:.0%}"]


def _trained(trained: tuple[FullTraining, ...]) -> Table:
    table = _table("test accuracy", "seeds", "train seconds", "first step", "evaluation")
    for one in trained:
        times = (one.train_seconds, one.first_step_seconds, one.evaluation_seconds)
        medians = (f"{statistics.median(seconds):.1f}" for seconds in times)
        table.add_row(one.name, accuracy_words(one), str(len(one.accuracies)), *medians)
    return table


def _waiting(report: BenchReport) -> Table:
    table = _table("seconds")
    for one in report.waiting:
        table.add_row(one.name, f"{statistics.median(one.seconds):.2f}")
    if report.app is not None:
        app = report.app
        cost = f"{app.kib_per_second:.1f} KiB/s painted, {app.cpu_share:.0%} of a core, {app.memory_mib:,.0f} MiB"
        table.caption = f"while a run trains the app costs {cost} with all its processes"
        table.caption_justify = "left"
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style=MUTED, caption_style=MUTED)
    table.add_column("")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table
