"""`fashion-tui bench`."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import click
import msgspec
from rich.progress import BarColumn, TextColumn

from fashion_tui.bench.app_cost import measure_app
from fashion_tui.bench.client import measure_training
from fashion_tui.bench.latency import measure_latency, time_quick_recipe
from fashion_tui.cli.field_options import field_options
from fashion_tui.cli.inputs import check_device, find_dataset
from fashion_tui.cli.options import CommonOptions, common_options, json_option
from fashion_tui.cli.output import note_synthetic, print_line, progress_bar, show, write_json
from fashion_tui.cli.values import RECIPE
from fashion_tui.files import write_atomically
from fashion_tui.machine.threads import available_cpus
from fashion_tui.report.bench import bench_tables
from fashion_tui.runs.create import library_versions
from fashion_tui.schema.bench import BenchReport, BenchRequest, check_rounds
from fashion_tui.schema.builtin_recipes import CPU_RECIPES, recipe_named
from fashion_tui.schema.dataset import FASHION_TASK
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.run import RunConfig, check_run_values

ROUNDS = 3
TURN_SECONDS = 1.0
FOLDER = Path("assets/benchmarks")


class ReportProgress(Protocol):
    def __call__(self, description: str, done: int = 0, total: int = 0) -> None: ...


@click.command(
    "bench",
    epilog="""\b
Examples:
  fashion-tui bench                          measure the recipes and the app
  fashion-tui bench --json | jq .ratio
  fashion-tui bench --rounds 10              less noise
  fashion-tui bench --accuracy 5 --save      also train to completion, seeds 0 to 4
\b
The guide's loop trains in one process and the recipes in another. They take turns, so that the
load from other programs affects all of them. Keep the machine idle if you can. Your own runs aren't
touched.""",
)
@click.option(
    "--rounds",
    type=int,
    default=ROUNDS,
    metavar="N",
    show_default=True,
    help="Measure the guide's loop and each recipe N times.",
)
@click.option(
    "--recipe",
    "recipes",
    multiple=True,
    type=RECIPE,
    metavar="NAME",
    help=f"Recipe to measure; may be repeated.  [default: {', '.join(CPU_RECIPES)}]",
)
@click.option(
    "--accuracy",
    "seeds",
    type=int,
    default=0,
    metavar="N",
    help="Also run the guide's loop and each recipe to completion, with N seeds.",
)
@field_options(RunConfig, only={"device", "threads"})
@click.option("--no-app", is_flag=True, help="Don't measure start-up times or the app's resource usage.")
@click.option("--save", is_flag=True, help=f"Save the result in a dated file in {FOLDER}.")
@json_option
@common_options
def bench_command(  # noqa: PLR0913 - one parameter per option
    *,
    common: CommonOptions,
    as_json: bool,
    rounds: int,
    recipes: tuple[str, ...],
    seeds: int,
    device: str,
    threads: int | None,
    no_app: bool,
    save: bool,
) -> None:
    """Compare the recipes with the guide's training loop.

    Also measure how long the app and the commands take to start, and the
    resources that the app uses with a live run, a run of a million steps, and
    a thousand runs.
    """
    check_rounds(rounds, seeds)
    threads = available_cpus() if threads is None else threads
    check_run_values(threads=threads)
    for name in recipes:
        recipe_named(name)
    check_device(device)
    if save:
        _make_folder()
    info = find_dataset(common)
    if info.task != FASHION_TASK:
        raise UsageError(f"bench needs 1×28×28 images in ten classes, which {info.title} doesn't have")
    dataset = info.ref
    note_synthetic(dataset.name)
    started = time.monotonic()
    request = BenchRequest(
        dataset=dataset,
        recipes=recipes or CPU_RECIPES,
        rounds=rounds,
        seconds=TURN_SECONDS,
        seeds=seeds,
        device=device,
        threads=threads,
    )
    with _progress() as report_progress:
        training = measure_training(request, report_progress)
        trials = max(rounds // ROUNDS, 1)
        latencies = () if no_app else measure_latency(trials, report_progress)
        app = None if no_app else measure_app(trials, report_progress)
        if seeds:
            latencies += (time_quick_recipe(dataset, device, threads, report_progress),)
    report = BenchReport(
        **msgspec.structs.asdict(training),
        date=time.strftime("%Y-%m-%d"),
        versions=library_versions(),
        dataset=dataset.name,
        rounds=rounds,
        seconds=time.monotonic() - started,
        waiting=latencies,
        app=app,
    )
    if as_json:
        write_json(report)
    else:
        show(*bench_tables(report))
    if save:
        _save(report)


@contextmanager
def _progress() -> Iterator[ReportProgress]:
    """If stderr is a terminal, show the current measurement there."""
    with progress_bar(TextColumn("{task.description}"), BarColumn()) as bar:
        task = bar.add_task("starting", total=None)

        def report(description: str, done: int = 0, total: int = 0) -> None:
            bar.update(task, description=description, completed=done, total=total or None)

        yield report


def _make_folder() -> None:
    """Create the folder for reports. Raises UserError if files can't be written to it."""
    try:
        FOLDER.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=FOLDER).close()
    except OSError as error:
        raise UserError(f"can't write {str(FOLDER)!r}: {error.strerror or error}") from error


def _save(report: BenchReport) -> None:
    file = FOLDER / f"{report.date}-{report.device.replace(':', '')}-{time.strftime('%H%M%S')}.json"
    try:
        write_atomically(file, msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
        file.chmod(0o644)
    except OSError as error:
        raise UserError(f"can't write {file}: {error.strerror or error}") from error
    print_line(f"saved {file}", err=True)
