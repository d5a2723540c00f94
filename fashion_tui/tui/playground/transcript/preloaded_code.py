"""Code that makes the names which the Playground has at hand, for files that are run elsewhere."""

import re
from typing import NamedTuple

from fashion_tui.schema.kernel import KernelSetup


class _Names(NamedTuple):
    names: frozenset[str]
    imports: tuple[str, ...]
    code: tuple[str, ...] = ()


_AT_HAND = (
    _Names(frozenset({"torch"}), ("import torch",)),
    _Names(frozenset({"F"}), ("import torch.nn.functional as F",)),
    _Names(frozenset({"nn"}), ("from torch import nn",)),
    _Names(frozenset({"net"}), ("from fashion_tui.lab.networks.builtin import GuideNet",), ("net = GuideNet()",)),
    _Names(frozenset({"lab"}), ("from fashion_tui.kernel.preload import import_lab",), ("lab = import_lab()",)),
    _Names(frozenset({"show"}), ("from fashion_tui.kernel.show import show",)),
    _Names(
        frozenset({"runs"}),
        ("from pathlib import Path", "from fashion_tui.kernel.run_list import RunList"),
        ("runs = RunList(Path({runs!r}))",),
    ),
    _Names(
        frozenset({"train_data", "test_data", "classes"}),
        (
            "from fashion_tui.kernel.image_dataset import ImageDataset",
            "from fashion_tui.lab.data.datasets import load",
            "from fashion_tui.schema.dataset import DatasetRef",
        ),
        (
            'dataset = load(DatasetRef(name={name!r}, directory={directory!r}, sha256=""))',
            "classes = dataset.classes",
            'train_data = ImageDataset(dataset.train, classes, "training set")',
            'test_data = ImageDataset(dataset.test, classes, "test set")',
        ),
    ),
)


def code_for(used: str, world: KernelSetup) -> str:
    """Makes those names that the code `used` found in a kernel of that world; empty where there are none."""
    words = set(re.findall(r"\w+", used))
    wanted = [names for names in _AT_HAND if words & names.names]
    imports = "\n".join(line for names in wanted for line in names.imports)
    dataset = world.dataset
    code = "\n".join(line for names in wanted for line in names.code).format(
        name=dataset.name if dataset else "synthetic",
        directory=dataset.directory if dataset else None,
        runs=world.runs_directory,
    )
    return f"{imports}\n\n{code}".strip()
