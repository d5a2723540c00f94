"""Which runs the list shows, in which order, and the text of its columns. All of it is computed in a thread."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.cells import cell_len

from fashion_tui.report.glyphs import Glyphs
from fashion_tui.report.runs import field_text
from fashion_tui.runs.fields import RunFields, Value, sort_runs
from fashion_tui.runs.filter import FilterError, filter_runs
from fashion_tui.runs.metric_cache import LastAndBest, MetricCache
from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.run import RunSummary, short_name, titled_name


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the list."""

    name: str
    width: int
    is_number: bool
    """Whether the cells are aligned to the right."""


@dataclass(frozen=True, slots=True)
class ListOptions:
    """What the user has chosen for the list. The defaults list all runs, newest first, without columns."""

    filter: str = ""
    """A filter, in the syntax of `runs --filter`."""
    sort: str = ""
    """A field of `runs --sort`, with a minus sign for the reverse order, or an empty string for newest first."""
    columns: tuple[str, ...] = ()
    """Fields of `runs --columns`, or empty for the default ones. The list shows the name in any case."""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """The runs that match a filter, in their order."""

    runs: tuple[RunSummary, ...] = ()
    total: int = 0
    """Number of runs in the folder, including those that don't match."""
    options: ListOptions = field(default_factory=ListOptions)
    cells: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """The text of each column, by the id of the run."""
    columns: tuple[Column, ...] = ()
    repeated_titles: frozenset[str] = frozenset()
    """Titles that several runs in the folder have."""
    problem: str = ""
    """Why the options can't be used, so that all runs are listed, or an empty string."""
    invalid: tuple[int, int] | None = None
    """Start and end (exclusive) of the part of the filter that is invalid, or None."""


def name_in_list(run: RunSummary, repeated_titles: frozenset[str]) -> str:
    """Return a run's title, or its short name if it has none. A title that other runs have is followed by that name."""
    return titled_name(run.run, run.title) if run.title in repeated_titles else run.title or short_name(run.run)


MAX_WIDTH = 32
"""Maximum width of a column. Longer cells are truncated."""


class Outdated(Exception):
    """Raised when an arrangement is no longer needed."""


class Arranger:
    """Filters and sorts runs. Values that have been read are kept. Use an arranger in only one thread at a time."""

    def __init__(self, runs_dir: Path, glyphs: Glyphs) -> None:
        self._glyphs = glyphs
        self._cache = MetricCache(runs_dir)
        self._fields: dict[str, RunFields] = {}
        """The fields of each run, by its id."""
        self._is_outdated: Callable[[], bool] = bool

    def arrange(self, runs: Sequence[RunSummary], options: ListOptions, is_outdated: Callable[[], bool]) -> Arrangement:
        """Return the arrangement of these runs, which are sorted newest first.

        Reading many logs for the first time can take a while. Raises Outdated if `is_outdated` returns True meanwhile.
        """
        self._is_outdated = is_outdated
        fields = self._update(runs)
        problem, invalid = "", None
        chosen = fields
        try:
            chosen = filter_runs(fields, options.filter)
        except FilterError as error:
            problem, invalid = error.problem, (error.start, error.end)
        if options.sort:
            try:
                chosen = sort_runs(chosen, options.sort)
            except UsageError as error:
                problem = problem or str(error).removeprefix("--")
        titles = Counter(run.title for run in runs)
        repeated = frozenset(title for title, count in titles.items() if count > 1)
        columns, cells = self._table(chosen, options.columns, repeated)
        self._cache.save()
        return Arrangement(
            runs=tuple(run.summary for run in chosen),
            total=len(fields),
            options=options,
            columns=columns,
            cells=cells,
            repeated_titles=repeated,
            problem=problem,
            invalid=invalid,
        )

    def metric_names(self) -> list[str]:
        """Return the names of all metrics that have been read, now or earlier. Any thread may call this."""
        return sorted(self._cache.names())

    def _update(self, runs: Sequence[RunSummary]) -> list[RunFields]:
        """Return the fields of each run. Forget the values of runs that have changed or were removed."""
        previous = self._fields
        self._fields = {}
        for run in runs:
            known = previous.get(run.run)
            self._fields[run.run] = known if known and known.summary == run else RunFields(run, self._metrics)
        return list(self._fields.values())

    def _metrics(self, run: RunSummary) -> Mapping[str, LastAndBest]:
        if self._is_outdated():
            raise Outdated
        return self._cache.get(run)

    def _table(
        self, runs: Sequence[RunFields], names: Sequence[str], repeated_titles: frozenset[str]
    ) -> tuple[tuple[Column, ...], dict[str, tuple[str, ...]]]:
        """Return the columns of these names, and the cells of each run by its id."""
        ids = [run.summary.run for run in runs]
        columns, texts = [], []
        for name in names:
            if name == "name":
                values: list[Value | None] = [name_in_list(run.summary, repeated_titles) for run in runs]
            else:
                values = [run.get(name) for run in runs]
            cells = [field_text(name, value, self._glyphs) for value in values]
            width = max((cell_len(cell) for cell in cells), default=0)
            is_number = any(isinstance(value, float | int) for value in values)
            width = min(max(width, cell_len(name) + 1), MAX_WIDTH)  # one cell for the arrow after the name
            columns.append(Column(name, width, is_number))
            texts.append(cells)
        return tuple(columns), dict(zip(ids, zip(*texts, strict=True), strict=False))
