"""What a trainer can do before it knows its run: import torch, read the data, make a few steps to warm up."""

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.recipe import GUIDE

if TYPE_CHECKING:
    from fashion_tui.lab.data.datasets import Dataset

WARM_UP_IMAGES = 64
"""Two steps of the guide's recipe."""


class Preparation:
    """In a thread, so that the order for a run is taken at once. Not begun, it leaves all to when it is needed."""

    def __init__(self) -> None:
        self._wanted: DatasetRef | None = None
        self._found: Dataset | None = None
        self._thread: threading.Thread | None = None

    def begin(self, dataset: DatasetRef) -> None:
        """Prepare for a run on this data."""
        self._wanted = dataset
        self._thread = threading.Thread(target=self._prepare, args=(dataset,), name="preparation", daemon=True)
        self._thread.start()

    def dataset(self, wanted: DatasetRef) -> "Dataset":
        """The set, read now where it wasn't prepared. As `lab.datasets.load` otherwise."""
        if self._thread is not None:
            self._thread.join()
        if self._found is not None and self._wanted == wanted:
            return self._found
        from fashion_tui.lab.data.datasets import load  # noqa: PLC0415 - imports torch

        return load(wanted)

    def _prepare(self, wanted: DatasetRef) -> None:
        import torch  # noqa: PLC0415 - takes seconds

        from fashion_tui.lab.data.datasets import load  # noqa: PLC0415
        from fashion_tui.lab.training.loop import Training  # noqa: PLC0415

        from . import session  # noqa: F401, PLC0415 - only that it is imported

        with suppress(UserError):  # the run will tell
            found = load(wanted)
            for _ in Training(GUIDE, found.train[:WARM_UP_IMAGES], device=torch.device("cpu"), seed=0).steps():
                pass
            self._found = found
