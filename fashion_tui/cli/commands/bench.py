"""`fashion-tui bench`."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import click
import msgspec
from rich.progress import BarColumn, Progress, TextColumn

from fashion_tui.bench.client import measured
from fashion_tui.bench.waiting import result_of_quick, waited
from fashion_tui.cli.data import ready_data
from fashion_tui.cli.output import diagnostics, json_option, note_synthetic, show, write_json
from fashion_tui.cli.place import Place, place_options
from fashion_tui.cli.status import DONE
from fashion_tui.report.bench import bench_tables
from fashion_tui.runs.create import library_versions
from fashion_tui.runs.files import write_atomically
from fashion_tui.schema.bench import BenchReport, BenchRequest, check_rounds
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.recipe import RECIPES
from fashion_tui.schema.run import check_run_values
from fashion_tui.threads import available_threads

ROUNDS = 3
TURN_SECONDS = 1.0
FOLDER = Path("assets/benchmarks")


class Say(Protocol):
    def __call__(self, doing: str, done: int = 0, total: int = 0) -> None: ...


@click.command(
    "bench",
    epilog="""\b
Examples:
  fashion-tui bench                          within 50 seconds
  fashion-tui bench --json | jq .ratio
  fashion-tui bench --rounds 10              steadier figures
  fashion-tui bench --accuracy 5 --save      whole trainings too, with seeds 0 to 4; kept under assets/benchmarks
\b
The loop trains in one process, the recipes in another, and all take turns, so that what disturbs one disturbs all;
keep the machine idle meanwhile. Nothing of yours is touched: the app that is timed has runs of its own.""",
)
@click.option("--rounds", type=int, default=ROUNDS, metavar="N", show_default=True, help="Turns of each road.")
@click.option("--recipe", "recipes", multiple=True, metavar="NAME", help="Only these, again for each.  [default: all]")
@click.option(
    "--accuracy", "seeds", type=int, default=0, metavar="SEEDS", help="Train each road to its end, so many times."
)
@click.option("--device", default="auto", metavar="NAME", show_default=True, help="auto, cpu, cuda, cuda:N or mps.")
@click.option("--threads", type=int, metavar="N", help="CPU threads.  [default: as many as there are cores]")
@click.option("--no-app", is_flag=True, help="Leave out the start-up times and what the app costs.")
@click.option("--save", is_flag=True, help=f"Keep the figures, dated, under {FOLDER}.")
@json_option
@place_options
def bench_command(  # noqa: PLR0913
    *,
    place: Place,
    as_json: bool,
    rounds: int,
    recipes: tuple[str, ...],
    seeds: int,
    device: str,
    threads: int | None,
    no_app: bool,
    save: bool,
) -> int:
    """Measure this machine: the guide's own loop against our recipes, and what a person waits for."""
    check_rounds(rounds, seeds)
    threads = available_threads() if threads is None else threads
    check_run_values(threads=threads)
    dataset = ready_data(place)
    note_synthetic(dataset)
    began = time.monotonic()
    request = BenchRequest(
        dataset=dataset,
        recipes=recipes or tuple(RECIPES),
        rounds=rounds,
        seconds=TURN_SECONDS,
        seeds=seeds,
        device=device,
        threads=threads,
    )
    with _progress() as say:
        found = measured(request, say)
        waiting, app = ((), None) if no_app else waited(max(rounds // ROUNDS, 1), say)
        if seeds:
            waiting += (result_of_quick(dataset, device, threads, say),)
    report = BenchReport(
        date=time.strftime("%Y-%m-%d"),
        versions=library_versions(),
        dataset=dataset.name,
        device=found.device,
        device_name=found.device_name,
        threads=found.threads,
        rounds=rounds,
        seconds=time.monotonic() - began,
        results=found.speeds,
        ratio=found.ratio,
        peak_gflops=found.peak_gflops,
        trained=found.trained,
        waiting=waiting,
        app=app,
    )
    if as_json:
        write_json(report)
    else:
        show(*bench_tables(report))
    if save:
        _save(report)
    return DONE


@contextmanager
def _progress() -> Iterator[Say]:
    """A line on stderr, where that is a terminal: what is measured just now."""
    console = diagnostics()
    columns = (TextColumn("{task.description}"), BarColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("starting", total=None)

        def say(doing: str, done: int = 0, total: int = 0) -> None:
            bar.update(task, description=doing, completed=done, total=total or None)

        yield say


def _save(report: BenchReport) -> None:
    name = f"{report.date}-{report.device.replace(':', '')}-{time.strftime('%H%M%S')}.json"
    try:
        FOLDER.mkdir(parents=True, exist_ok=True)
        write_atomically(FOLDER / name, msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
        (FOLDER / name).chmod(0o644)
    except OSError as error:
        raise UserError(f"{FOLDER / name} can't be written: {error.strerror or error}") from error
    click.echo(f"saved: {FOLDER / name}", err=True)
