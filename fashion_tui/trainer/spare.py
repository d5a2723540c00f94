"""A spare trainer. It loads torch and a data set before it receives a run, so that the run starts without delay."""

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from fashion_tui.runs.run import Run
from fashion_tui.runs.spare import SpareOrder
from fashion_tui.schema.builtin_recipes import GUIDE
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.recipe import adapt

from .process import load_dataset, run_trainer

if TYPE_CHECKING:
    from fashion_tui.lab.data.datasets import Dataset

WARM_UP_IMAGES = 64
"""Number of images for the warm-up, which trains two batches of the guide's recipe before an order arrives."""


def run_spare_trainer(dataset: DatasetRef) -> int:
    """Prepare for a run on the data set, wait for a `SpareOrder` on stdin, and train its run with `run_trainer`.

    Exit if stdin is closed before an order arrives, because the process that started this trainer has then ended or no
    longer needs it.
    """
    preparation = Preparation(dataset)
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        os._exit(0)  # don't wait for the preparation, which may still be importing torch
    order = msgspec.json.decode(line, type=SpareOrder)
    with Run(Path(order.run)) as run:
        _enter(run)
        return run_trainer(run, order.epochs, preparation.dataset, queue=order.queue)


def _enter(run: Run) -> None:
    """Use the same working directory and standard streams as a trainer that was started for this run."""
    os.chdir(run.path)
    log = run.open_log()
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(log)
    os.close(null)


class Preparation:
    """Imports torch, loads a data set and trains for two steps, in a thread. Meanwhile, the main thread reads stdin."""

    def __init__(self, ref: DatasetRef) -> None:
        self._ref = ref
        self._dataset: Dataset | None = None
        self._thread = threading.Thread(target=self._prepare, name="preparation", daemon=True)
        self._thread.start()

    def dataset(self, ref: DatasetRef) -> "Dataset":
        """Return the prepared data set if it matches `ref`; otherwise, load the data set."""
        self._thread.join()
        return self._dataset if self._dataset is not None and self._ref == ref else load_dataset(ref)

    def _prepare(self) -> None:
        import torch  # noqa: PLC0415 - takes seconds

        from fashion_tui.lab.training.loop import Training  # noqa: PLC0415

        from . import session  # noqa: F401, PLC0415 - imported in advance

        with suppress(UserError):  # ignored: the run loads the data set again and reports the error
            dataset = load_dataset(self._ref)
            recipe = adapt(GUIDE, dataset.info)
            images, classes = dataset.train[:WARM_UP_IMAGES], len(dataset.classes)
            for _ in Training(recipe, images, classes=classes, device=torch.device("cpu"), seed=0).steps():
                pass
            self._dataset = dataset
