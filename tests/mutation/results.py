"""The results of mutation testing, as JSON and as Markdown."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from fashion_tui.files import PUBLIC_MODE, write_atomically

Outcome = Literal["noticed", "survived", "timed out", "not run by any test", "error"]
"""`timed out`: no test failed within the time, but not all of them had run. `error`: pytest itself failed."""

OUTCOMES: tuple[Outcome, ...] = ("noticed", "survived", "timed out", "not run by any test", "error")


class MutantResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the tests said about one mutant."""

    file: str
    line: int
    outcome: Outcome
    tests: int
    """Number of tests that run the changed statement."""
    seconds: float
    failed_test: str | None = None
    """The test that noticed the mutant."""
    message: str = ""
    """The end of pytest's output, for an error."""
    diff: str

    @property
    def package(self) -> str:
        return self.file.split("/")[1]


class MutationResults(msgspec.Struct, frozen=True, kw_only=True):
    """The results of all mutants that were tested."""

    seed: int
    planned: int
    """Number of mutants in the sample. There are fewer results if the run was interrupted."""
    seconds_per_mutant: float
    results: list[MutantResult]


def write_results(results: MutationResults, output: Path) -> None:
    """Write `OUTPUT.json` and `OUTPUT.md`."""
    output.parent.mkdir(parents=True, exist_ok=True)
    encoded = msgspec.json.format(msgspec.json.encode(results), indent=2)
    for suffix, content in ((".json", encoded + b"\n"), (".md", to_markdown(results).encode())):
        write_atomically(output.with_name(output.name + suffix), content, mode=PUBLIC_MODE)


def to_markdown(results: MutationResults) -> str:
    """Return a table of the outcomes by package, and the mutants that weren't noticed, with their changes."""
    done = results.results
    counts = {package: Counter(one.outcome for one in done if one.package == package) for package in _packages(done)}
    counts["all"] = Counter(one.outcome for one in done)
    lines = [
        "# Mutation testing",
        "",
        f"Mutants tested: {len(done)} of {results.planned}, sampled with seed {results.seed}.",
        f"Time limit for the tests of a mutant: {results.seconds_per_mutant:g} s.",
        "",
        f"| package | {' | '.join(OUTCOMES)} | share noticed |",
        f"|---|{'--:|' * (len(OUTCOMES) + 1)}",
    ]
    for package, count in counts.items():
        share = f"{count['noticed'] / count.total():.0%}" if count else "–"
        lines.append(f"| {package} | {' | '.join(str(count[outcome]) for outcome in OUTCOMES)} | {share} |")
    for outcome in OUTCOMES[1:]:
        for one in done:
            if one.outcome == outcome:
                lines += [
                    "",
                    f"## {one.file}:{one.line} ({outcome}, {one.tests} tests)",
                    "",
                    "```diff",
                    one.diff,
                    "```",
                ]
                lines += ["", "```text", one.message, "```"] if one.message else []
    return "\n".join(lines) + "\n"


def _packages(results: Sequence[MutantResult]) -> list[str]:
    return list(dict.fromkeys(one.package for one in results))
