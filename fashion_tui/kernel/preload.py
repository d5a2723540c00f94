"""The names that a person finds in a fresh kernel, made in the background so that it answers at once."""

import importlib
import pkgutil
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.kernel import KernelSetup

from .run_list import RunList
from .show import show

COMPLETION_SECONDS = 8.0
"""Longest that a completion waits for the names that it needs."""


@dataclass
class _Batch:
    """Names that are made together."""

    names: tuple[str, ...]
    make: Callable[[], Mapping[str, object]]
    tried: threading.Event = field(default_factory=threading.Event)
    failure: str | None = None
    """Why there are none, in one line."""


class Preloader:
    """`show` and `runs`; `torch`, `nn`, `F`, `net` and `lab`; `classes`, `train_data` and `test_data`.

    A cell that mentions one of them waits until it is there; any other cell runs meanwhile. What a person has defined
    by the same name stays theirs.
    """

    def __init__(self, world: KernelSetup) -> None:
        self._torch = _Batch(("torch", "nn", "F", "net"), _torch)
        self._batches = [_Batch(("show",), lambda: {"show": show})]
        directory, dataset = world.runs_directory, world.dataset
        if directory is not None:
            self._batches.append(_Batch(("runs",), lambda: {"runs": RunList(Path(directory))}))
        self._batches.append(self._torch)
        if dataset is not None:
            self._batches.append(_Batch(("train_data", "test_data", "classes"), lambda: _data(dataset)))
        self._batches.append(_Batch(("lab",), lambda: {"lab": import_lab()}))

    def offer(self, shell: Any) -> None:
        """Begins to make the names in IPython's `shell`."""
        threading.Thread(target=self._make, args=(shell,), name="at hand", daemon=True).start()
        shell.events.register("pre_run_cell", lambda info: self._wait(info.raw_cell, shell.user_ns))

    def wait_to_complete(self, code: str, namespace: Mapping[str, object]) -> None:
        """Until the names in the code are there to be completed, a few seconds at most."""
        deadline = time.monotonic() + COMPLETION_SECONDS
        for batch in self._missing(code, namespace):
            batch.tried.wait(max(0.0, deadline - time.monotonic()))

    def has_torch(self) -> bool:
        """Whether torch was imported, or that was tried."""
        return self._torch.tried.is_set()

    def _make(self, shell: Any) -> None:
        for batch in self._batches:
            try:
                made = batch.make()
            except BaseException as error:  # noqa: BLE001 -- whatever a broken installation raises
                first_line = (str(error).split("\n") or [""])[0]
                reason = (
                    first_line
                    if type(error).__module__.startswith("fashion_tui.")
                    else f"{type(error).__name__}: {first_line}"
                )
                batch.failure = f"{', '.join(batch.names)} are missing: {reason}"
                print(batch.failure, file=sys.stderr, flush=True)
            else:
                new = {name: value for name, value in made.items() if name not in shell.user_ns}
                shell.push(new, interactive=False)
            batch.tried.set()

    def _wait(self, code: str, namespace: Mapping[str, object]) -> None:
        for batch in self._missing(code, namespace):
            try:
                batch.tried.wait()
            except KeyboardInterrupt:
                print(f"interrupted: {', '.join(batch.names)} will be there later", file=sys.stderr)
                return
            if batch.failure is not None:
                print(batch.failure, file=sys.stderr)

    def _missing(self, code: str, namespace: Mapping[str, object]) -> list[_Batch]:
        words = set(re.findall(r"\w+", code))
        return [
            batch for batch in self._batches if any(name in words and name not in namespace for name in batch.names)
        ]


def _torch() -> Mapping[str, object]:
    import torch  # noqa: PLC0415 -- takes 2 s, in the background
    import torch.nn.functional as F  # noqa: PLC0415
    from torch import nn  # noqa: PLC0415

    from fashion_tui.lab.networks.builtin import GuideNet  # noqa: PLC0415

    return {"torch": torch, "nn": nn, "F": F, "net": GuideNet()}


def _data(ref: DatasetRef) -> Mapping[str, object]:
    from fashion_tui.lab.data.datasets import load  # noqa: PLC0415 -- imports torch

    from .image_dataset import ImageDataset  # noqa: PLC0415

    dataset = load(ref)
    return {
        "train_data": ImageDataset(dataset.train, dataset.classes, f"{ref.name}, training set"),
        "test_data": ImageDataset(dataset.test, dataset.classes, f"{ref.name}, test set"),
        "classes": dataset.classes,
    }


def import_lab() -> ModuleType:
    """`fashion_tui.lab` with all its modules, so that completion finds them."""
    from fashion_tui import lab  # noqa: PLC0415

    for module in pkgutil.walk_packages(lab.__path__, f"{lab.__name__}."):
        importlib.import_module(module.name)
    return lab
