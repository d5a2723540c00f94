"""What the engine keeps between requests, so that the next one is quick."""

from collections import OrderedDict
from pathlib import Path

from torch import Tensor

from fashion_tui.data.files import find
from fashion_tui.lab.data.datasets import Dataset, load
from fashion_tui.schema.dataset import DatasetRef

MOST_EVALUATIONS = 16
"""Kept at a time, 400 KB each."""


class Kept:
    """Data sets by where they are, and the test set's logits by the checkpoint that gave them."""

    def __init__(self) -> None:
        self._datasets: dict[DatasetRef, Dataset] = {}
        self._logits: OrderedDict[tuple[str, str], Tensor] = OrderedDict()

    def dataset(self, name: str, directory: Path | None) -> Dataset:
        """The data set, checked and loaded; UserError where it can't be found or is damaged."""
        found = find(name, directory)
        if found not in self._datasets:
            self._datasets[found] = load(found)
        return self._datasets[found]

    def logits(self, checkpoint: str, dataset: str) -> Tensor | None:
        """`[N, 10]` of the test set, where they are known; both by their SHA-256."""
        return self._logits.get((checkpoint, dataset))

    def keep_logits(self, checkpoint: str, dataset: str, logits: Tensor) -> None:
        self._logits[checkpoint, dataset] = logits
        while len(self._logits) > MOST_EVALUATIONS:
            self._logits.popitem(last=False)
