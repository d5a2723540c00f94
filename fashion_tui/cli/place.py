"""The three options that every command takes: where the data is, which set, and where the runs are."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from fashion_tui.schema.dataset import DATASETS
from fashion_tui.schema.errors import UsageError


@dataclass(frozen=True)
class Place:
    """What the options say; None where an option wasn't given."""

    data: Path | None
    dataset: str | None
    runs: Path | None

    def within(self, outer: "Place | None") -> "Place":
        """With the options that stood before the command, where those behind it say nothing."""
        if outer is None:
            return self
        return Place(
            data=self.data if self.data is not None else outer.data,
            dataset=self.dataset if self.dataset is not None else outer.dataset,
            runs=self.runs if self.runs is not None else outer.runs,
        )

    @property
    def dataset_name(self) -> str:
        return self.dataset or "fashion-mnist"

    @property
    def runs_directory(self) -> Path:
        """`--runs`, else $FASHION_TUI_RUNS, else the platform's state directory. It need not exist."""
        if self.runs is not None:
            return self.runs.expanduser().absolute()
        # Only here: `--help` is to be there at once.
        from fashion_tui.runs.store import default_runs_dir  # noqa: PLC0415

        return default_runs_dir()


def place_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options; the command gets them as its argument `place`."""

    @click.option(
        "--data", type=click.Path(path_type=Path), metavar="DIR", help="The folder that holds FashionMNIST/raw."
    )
    @click.option("--dataset", metavar="NAME", help=f"{' or '.join(DATASETS)}.  [default: fashion-mnist]")
    @click.option("--runs", type=click.Path(path_type=Path), metavar="DIR", help="The folder of the runs.")
    @functools.wraps(command)
    def with_place(*arguments: Any, data: Path | None, dataset: str | None, runs: Path | None, **options: Any) -> Any:
        if dataset is not None and dataset not in DATASETS:
            raise UsageError(f"no data set is called {dataset!r}; there is: {', '.join(DATASETS)}")
        outer = click.get_current_context().find_object(Place)
        return command(*arguments, place=Place(data, dataset, runs).within(outer), **options)

    return with_place
