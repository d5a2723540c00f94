"""The variable `runs` in the user's namespace: the runs that the Train pane lists, with their trained networks."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fashion_tui.runs.run import Run
from fashion_tui.runs.store import list_runs, open_run, summarise
from fashion_tui.schema.errors import UntrustedSource, UserError
from fashion_tui.schema.run import RunConfig, RunSummary, State

if TYPE_CHECKING:
    from torch import nn

MAX_LISTED = 20
"""Maximum number of runs in the printed list."""


class NoSuchRun(UserError):
    """Raised when no run has the given id or index, or if there are no runs."""


class RunList:
    """The runs, newest first: `runs.latest`, `runs[0]`, `runs["guide-a1b2"]`.

    `runs.latest.model()` returns the trained network of the newest run. Its inputs are images in [0, 1], such as those
    in `test_data`. The directory is read on every access, so new runs show up.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def latest(self) -> "RunHandle":
        """The newest run. Raises NoSuchRun if there are no runs."""
        return self["latest"]

    def __getitem__(self, key: str | int) -> "RunHandle":
        """Return a run by its id, a prefix of its id, its path or its index. Raises NoSuchRun if no run matches."""
        summaries = list_runs(self.directory)
        if not summaries:
            raise NoSuchRun(self._no_runs())
        if isinstance(key, str):
            with open_run(self.directory, key) as run:
                return RunHandle(run.path)
        if not -len(summaries) <= key < len(summaries):
            raise NoSuchRun(f"no run at index {key}; valid indexes are 0 (the newest) to {len(summaries) - 1}")
        return RunHandle(Path(summaries[key].path))

    def __len__(self) -> int:
        return len(list_runs(self.directory))

    def __iter__(self) -> Iterator["RunHandle"]:
        return (RunHandle(Path(summary.path)) for summary in list_runs(self.directory))

    def __repr__(self) -> str:
        summaries = list_runs(self.directory)
        if not summaries:
            return f"<{self._no_runs()}>"
        more = [f"… {len(summaries) - MAX_LISTED:,} more"] if len(summaries) > MAX_LISTED else []
        return "\n".join([*map(_line, summaries[:MAX_LISTED]), *more])

    def _ipython_key_completions_(self) -> list[str]:
        """Return the run ids that IPython offers as completions after `runs["`."""
        return [summary.run for summary in list_runs(self.directory)]

    def _no_runs(self) -> str:
        return f"no runs in {str(self.directory)!r} yet; press f5, then n, to start one"


class RunHandle:
    """One run: its configuration, state, test accuracy and network.

    This object holds only the path. The run is opened on every access, so that the values are current.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def config(self) -> RunConfig:
        """Recipe, data set, seed and all other settings of the run. Raises NotTrained unless it was trained here."""
        with Run(self.path) as run:
            return run.config

    @property
    def state(self) -> State:
        return self._summary().state

    @property
    def test_accuracy(self) -> float | None:
        """Test accuracy in [0, 1], or None until the run is finished."""
        return self._summary().test_accuracy

    def model(self, checkpoint: str | int = "final") -> "nn.Sequential":
        """Return the trained network, on the CPU and in eval mode.

        Its inputs are images in [0, 1], such as those in `test_data`: `model(test_data[:100][0])` returns logits
        `[100, 10]`. Its first layer normalises the images as in training. `model.network` is the network without that
        layer. `checkpoint` is "final" (the newest), "best" or a step. Raises UserError if the checkpoint doesn't exist
        or the network's code isn't trusted.
        """
        # These modules import torch, which isn't needed to list runs.
        from fashion_tui.lab.networks.normalise import with_normalisation  # noqa: PLC0415
        from fashion_tui.lab.rng import preserve_rng_state  # noqa: PLC0415
        from fashion_tui.trained_run import TrainedRun  # noqa: PLC0415

        try:
            # Building the network draws the initial weights from the global random number generators.
            with TrainedRun.open(self.path, str(checkpoint)) as trained_run, preserve_rng_state():
                return with_normalisation(trained_run.network(), trained_run.config.recipe).eval()
        except UntrustedSource as error:
            raise UntrustedSource(f"{error}; press f6 to read and trust it") from None

    def __repr__(self) -> str:
        return f"<run {_line(self._summary())}>"

    def _summary(self) -> RunSummary:
        with Run(self.path) as run:
            return summarise(run)


def _line(run: RunSummary) -> str:
    """Return a line such as `20261123-143012-guide-a1b2  guide  finished  epoch 3/3  test 90.6 %`."""
    if run.kind == "logged":
        fields = [run.run, "logged by a script", run.state, f"step {run.step:,}"]
    elif run.kind == "imported":
        fields = [run.run, run.state, f"step {run.step:,}"]
    else:
        fields = [run.run, run.recipe or "?", run.state, f"epoch {run.epoch}/{run.epochs}"]
    if run.test_accuracy is not None:
        fields.append(f"test {run.test_accuracy * 100:.1f} %")
    if run.damage is not None:
        fields.append(f"damaged: {run.damage}")
    return "  ".join(fields)
