"""The process that forks trainers imports this module once.

It loads PyTorch, the trainer's code and the synthetic data set.
"""

import torch

from fashion_tui.data.files import find
from fashion_tui.lab.data.datasets import Dataset, load
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.trainer import process, session  # noqa: F401 - imported in advance

torch.set_num_threads(1)  # a forked process doesn't have the threads of its parent

_dataset = load(find("synthetic"))


def load_preloaded(ref: DatasetRef) -> Dataset:
    return _dataset


process.load_dataset = load_preloaded
