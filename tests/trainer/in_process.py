"""Trains runs in the process of a test, on a few images, which takes a fraction of a second."""

import pytest
import torch

from fashion_tui.lab.data.datasets import Dataset, Images
from fashion_tui.runs.run import Run
from fashion_tui.trainer import session
from fashion_tui.trainer.process import run_trainer
from fashion_tui.trainer.reporting import EventLog, StatusUpdater
from fashion_tui.trainer.stopping import StopSignals
from tests.dataset_infos import info_for

BLACK = Images(torch.zeros(256, 1, 28, 28, dtype=torch.uint8), torch.arange(256) % 10)
"""Black images with as many labels of each class, so that every network has an accuracy of about 10 %."""


def open_log(run: Run) -> EventLog:
    return EventLog(run, StatusUpdater(run, run.read_status()))


def train_in_process(run: Run, *, images: Images = BLACK, epochs: int | None = None, status: int = 0) -> None:
    """Run the trainer on these images, from the newest checkpoint if there is one. They are also the test set.

    `epochs` is the total number of epochs if it differs from the configured one, and `status` is the expected exit
    status.
    """
    dataset = Dataset(info_for(run.config.dataset), images, images)
    threads = torch.get_num_threads()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(session, "lower_priority", lambda: None)
            patch.setattr(StopSignals, "install", lambda _: None)
            assert run_trainer(run, epochs, lambda _ref: dataset) == status
    finally:  # the trainer sets these for its own process
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(mode=False)
