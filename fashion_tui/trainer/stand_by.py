"""A trainer that waits for its run."""

import os
import sys
from pathlib import Path

import msgspec

from fashion_tui.runs.run import Run
from fashion_tui.runs.stand_by import Order
from fashion_tui.schema.dataset import DatasetRef

from .preparation import Preparation
from .process import run_trainer


def stand_by(dataset: str) -> int:
    """Prepares for a run on the data set (a `DatasetRef`, JSON), waits on stdin for its `Order`, and trains it.

    Ends where stdin does: whoever could have given a run is gone.
    """
    preparation = Preparation()
    preparation.begin(msgspec.json.decode(dataset, type=DatasetRef))
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        os._exit(0)  # at once: the thread may be in the midst of an import
    order = msgspec.json.decode(line, type=Order)
    run_path = Path(order.run)
    with Run(run_path) as run:
        _take_place(run)
    return run_trainer(run_path, order.epochs, preparation)


def _take_place(run: Run) -> None:
    """Stand as a trainer that was started for this run: in its directory, its words in the run's log."""
    os.chdir(run.path)
    log = run.open_log()
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(log)
    os.close(null)
