"""The engine's cache of data sets and test-set logits."""

from collections import OrderedDict

from torch import Tensor

from fashion_tui.lab.data.datasets import Dataset, load
from fashion_tui.schema.dataset import DatasetRef

MAX_LOGITS = 16
"""Number of checkpoints whose logits are cached. The logits of one checkpoint take 400 KB."""


class Cache:
    """Caches data sets by reference, and logits by checkpoint and data set. The oldest logits are removed first."""

    def __init__(self) -> None:
        self._datasets: dict[DatasetRef, Dataset] = {}
        self._logits: OrderedDict[tuple[str, str], Tensor] = OrderedDict()

    def dataset(self, ref: DatasetRef) -> Dataset:
        """Return the data set. Load and verify it if necessary. Raises UserError if it is missing or damaged."""
        if ref not in self._datasets:
            self._datasets[ref] = load(ref)
        return self._datasets[ref]

    def logits(self, checkpoint: str, dataset: str) -> Tensor | None:
        """Return the logits `[N, classes]` of the test set if they are cached.

        `checkpoint` identifies the weights and the code of the network, and `dataset` is a SHA-256.
        """
        return self._logits.get((checkpoint, dataset))

    def add_logits(self, checkpoint: str, dataset: str, logits: Tensor) -> None:
        self._logits[checkpoint, dataset] = logits
        while len(self._logits) > MAX_LOGITS:
            self._logits.popitem(last=False)
