"""The process that forks trainers imports this module once.

It loads PyTorch, with the compiler that each optimizer imports, the trainer's code and the synthetic data set.
"""

from dataclasses import replace

import torch
import torch._dynamo

from fashion_tui.data.files import find
from fashion_tui.lab.data.datasets import Dataset, load
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.trainer import process, session  # noqa: F401 - imported in advance

from .trainers import SMALL_SET

torch.set_num_threads(1)  # a forked process doesn't have the threads of its parent

_dataset = load(find("synthetic"))


def load_preloaded(ref: DatasetRef) -> Dataset:
    if ref != SMALL_SET:
        return _dataset
    return replace(_dataset, train=_dataset.train[:4500], test=_dataset.test[:500])


process.load_dataset = load_preloaded
