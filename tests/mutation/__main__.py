"""Command line of mutation testing: measure the coverage, test a sample of mutants, and write the results."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import msgspec

from fashion_tui.schema.errors import UserError

from .coverage_map import CoverageMap, measure, source_hash
from .mutants import Mutant, sample_mutants
from .plugin import ORDER_VARIABLE
from .results import MutantResult, MutationResults, Outcome, write_results
from .workspace import COLLECTION_ERRORS, INTERRUPTED, TESTS_FAILED, Workspace

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = ("lab", "runs", "trainer", "schema", "data", "engine", "report")


@click.command(
    help="Test a sample of mutants in a copy of the project. Press ctrl+c to stop; the results so far remain."
)
@click.option("--output", type=Path, required=True, help="Write the results to OUTPUT.json and OUTPUT.md.")
@click.option("--mutants", "count", default=200, show_default=True, help="Number of mutants to test.")
@click.option("--seed", default=0, show_default=True, help="Seed of the sample.")
@click.option("--seconds", default=60.0, show_default=True, help="Maximum time for the tests of each mutant.")
@click.option("--package", "packages", multiple=True, type=click.Choice(PACKAGES), help="Change only this package.")
@click.option(
    "--coverage",
    "coverage_file",
    type=Path,
    help="Read the coverage from this file, or measure and write it if missing.",
)
@click.argument("tests", nargs=-1)
def main(
    output: Path, count: int, seed: int, seconds: float, packages: tuple[str, ...], coverage_file: Path | None,
    tests: tuple[str, ...],
) -> None:  # fmt: skip
    """Test mutants. `tests` are arguments of pytest, by default those of pyproject.toml."""
    for kind in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(kind, lambda number, _: sys.exit(128 + number))  # so that the copy and its processes end too
    try:
        coverage_map = _coverage(coverage_file, tests)
        mutants = sample_mutants(PROJECT, packages or PACKAGES, count, seed)
        results = MutationResults(seed=seed, planned=len(mutants), seconds_per_mutant=seconds, results=[])
        with Workspace.copy_of(PROJECT) as workspace:
            for number, mutant in enumerate(mutants, 1):
                result = run_mutant(workspace, mutant, coverage_map.tests_of(mutant.file, mutant.statement), seconds)
                results.results.append(result)
                write_results(results, output)
                click.echo(
                    f"{number}/{len(mutants)} {mutant.file}:{mutant.line} {result.outcome} {result.seconds:.0f} s"
                )
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def _coverage(file: Path | None, tests: tuple[str, ...]) -> CoverageMap:
    """Read the coverage from the file, or measure it and write the file."""
    if file is not None and file.exists():
        coverage_map = msgspec.json.decode(file.read_bytes(), type=CoverageMap)
        if coverage_map.sha256 != source_hash(PROJECT):
            raise UserError(f"{file} was measured with other sources; delete it to measure again")
        return coverage_map
    click.echo("Measuring which tests run which lines …")
    coverage_map = measure(PROJECT, tests)
    click.echo(f"{len(coverage_map.tests):,} tests passed. Tests that failed aren't used.")
    if file is not None:
        file.write_bytes(msgspec.json.encode(coverage_map))
    return coverage_map


def run_mutant(workspace: Workspace, mutant: Mutant, tests: list[str], seconds: float) -> MutantResult:
    """Apply a mutant to the workspace and run the tests in this order until one fails or the time is over."""
    started = time.monotonic()
    output, failed_test = "", None
    outcome: Outcome = "not run by any test"
    if tests:
        order = workspace.folder.parent / "tests.txt"
        order.write_text("\n".join(tests), encoding="utf-8")
        with workspace.changed(mutant.file, mutant.code):
            try:
                result = workspace.pytest(
                    "-n", "0", "-x", f"@{order}", environ={ORDER_VARIABLE: str(order)}, seconds=seconds
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                outcome = "timed out"
            else:
                output = result.stdout
                outcome = _outcome(result.returncode, output)
                if match := re.search(r"^(?:FAILED|ERROR) (.+?)(?: - |$)", output, re.MULTILINE):
                    failed_test = match[1]
    return MutantResult(
        file=mutant.file,
        line=mutant.line,
        outcome=outcome,
        tests=len(tests),
        seconds=round(time.monotonic() - started, 1),
        failed_test=failed_test,
        message=output[-1_000:] if outcome == "error" else "",
        diff=mutant.diff,
    )


def _outcome(status: int, output: str) -> Outcome:
    if status in {TESTS_FAILED, INTERRUPTED} or any(error in output for error in COLLECTION_ERRORS):
        return "noticed"
    return "error" if status else "survived"


if __name__ == "__main__":
    main(prog_name="python -m tests.mutation")
