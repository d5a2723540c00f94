"""`runs`: what the Train pane lists, as the person's own code meets it."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fashion_tui.runs.store import find_run, list_runs, load_config, summarise
from fashion_tui.schema.errors import UntrustedSource, UserError
from fashion_tui.schema.run import RunConfig, RunSummary, State

if TYPE_CHECKING:
    from torch import Tensor, nn

LISTED = 20


class NoSuchRun(UserError):
    """There is no run of that name, or none at all."""


class RunList:
    """The runs, newest first: `runs.latest`, `runs["guide-a1b2"]` (the beginning of an id will do), `runs[0]`.

    `runs.latest.model()` is the trained network. Looked up each time, so that what is trained meanwhile is there too.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def latest(self) -> "Run":
        """The newest. NoSuchRun where there is none yet."""
        return self["latest"]

    def __getitem__(self, which: str | int) -> "Run":
        """By an id, the beginning of one, a path, or the place in the list. NoSuchRun where there is none such."""
        found = list_runs(self.directory)
        if not found:
            raise NoSuchRun(self._none_yet())
        if isinstance(which, str):
            return Run(find_run(self.directory, which))
        if not -len(found) <= which < len(found):
            raise NoSuchRun(f"there is no run {which}: there are {len(found)}, counted from 0, the newest first")
        return Run(Path(found[which].path))

    def __len__(self) -> int:
        return len(list_runs(self.directory))

    def __iter__(self) -> Iterator["Run"]:
        return (Run(Path(run.path)) for run in list_runs(self.directory))

    def __repr__(self) -> str:
        found = list_runs(self.directory)
        if not found:
            return f"<{self._none_yet()}>"
        more = [f"… {len(found) - LISTED:,} more"] if len(found) > LISTED else []
        return "\n".join([*map(_line, found[:LISTED]), *more])

    def _ipython_key_completions_(self) -> list[str]:
        """What tab offers after `runs["`."""
        return [run.run for run in list_runs(self.directory)]

    def _none_yet(self) -> str:
        return f"there is no run in {str(self.directory)!r} yet: f5, then n, starts one"


class Run:
    """One run: its `config`, how it stands (`state`, `test_accuracy`), and its network (`model()`)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def config(self) -> RunConfig:
        """The recipe, the data, the seed and all else that the run was made with."""
        return load_config(self.path)

    @property
    def state(self) -> State:
        return summarise(self.path).state

    @property
    def test_accuracy(self) -> float | None:
        """In [0, 1]; None until the run is finished."""
        return summarise(self.path).test_accuracy

    def model(self, checkpoint: str | int = "final") -> "nn.Module":
        """The trained network, on the CPU and in eval mode.

        `checkpoint` is "final" (the newest one), "best", or a step. It was trained on normalised pictures: give it
        `run.normalise(images)`. UserError where there is no such checkpoint, or the network's code isn't trusted.
        """
        from fashion_tui.lab.rng import preserve_rng_state  # noqa: PLC0415 -- imports torch: not for a list of runs
        from fashion_tui.trained_run import TrainedRun  # noqa: PLC0415

        trained = TrainedRun.open(self.path, str(checkpoint))
        try:
            with preserve_rng_state():  # building the network draws initial weights from the user's seeded generators
                return trained.network().eval()
        except UntrustedSource as error:
            raise UntrustedSource(f"{error}; f6 shows it and asks") from None

    def normalise(self, images: "Tensor") -> "Tensor":
        """Pictures in [0, 1], as `test_data` gives them, as the network was trained on them."""
        recipe = self.config.recipe
        return (images - recipe.mean) / recipe.std

    def __repr__(self) -> str:
        return f"<run {_line(summarise(self.path))}>"


def _line(run: RunSummary) -> str:
    """`20261123-143012-guide-a1b2  guide  finished  epoch 3/3  test 90.6 %`."""
    words = [run.run, run.recipe or "?", run.state, f"epoch {run.epoch}/{run.epochs}"]
    if run.test_accuracy is not None:
        words.append(f"test {run.test_accuracy * 100:.1f} %")
    if run.damage is not None:
        words.append(f"damaged: {run.damage}")
    return "  ".join(words)
