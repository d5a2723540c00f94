"""Define `torch`, `train_data`, `runs` and other names in the user's namespace, without delaying the kernel's start."""

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

MAX_REQUEST_WAIT = 8.0
"""Maximum time that a request for completions or documentation waits for names to be loaded, in seconds."""


@dataclass
class _Group:
    """A group of names that are loaded together."""

    names: tuple[str, ...]
    load: Callable[[], Mapping[str, object]]
    tried: threading.Event = field(default_factory=threading.Event)
    """Set when loading has ended, successfully or not."""
    failure: str | None = None
    """One line that says why loading failed, or None."""


class Preloader:
    """Loads `show`, `runs`, `torch`, `nn`, `F`, `net`, `train_data`, `test_data`, `classes` and `lab`.

    A cell that contains one of these names waits until the name is loaded. Other cells don't wait. Variables that the
    user has already defined are never replaced.
    """

    def __init__(self, setup: KernelSetup) -> None:
        self._torch = _Group(("torch", "nn", "F", "net"), _load_torch)
        self._groups = [_Group(("show",), lambda: {"show": show})]
        directory, dataset = setup.runs_directory, setup.dataset
        if directory is not None:
            self._groups.append(_Group(("runs",), lambda: {"runs": RunList(Path(directory))}))
        self._groups.append(self._torch)
        if dataset is not None:
            self._groups.append(_Group(("train_data", "test_data", "classes"), lambda: _load_data(dataset)))
        self._groups.append(_Group(("lab",), lambda: {"lab": import_lab()}))

    def start(self, shell: Any) -> None:
        """Start loading the names into the namespace of IPython's `shell`."""
        threading.Thread(target=self._load, args=(shell,), name="preload", daemon=True).start()
        shell.events.register("pre_run_cell", lambda info: self._wait(info.raw_cell, shell.user_ns))

    def wait_for_names(self, code: str, namespace: Mapping[str, object]) -> None:
        """Wait until the names that the code uses are loaded, for at most `MAX_REQUEST_WAIT` seconds."""
        deadline = time.monotonic() + MAX_REQUEST_WAIT
        for group in self._missing(code, namespace):
            group.tried.wait(max(0.0, deadline - time.monotonic()))

    def has_tried_torch(self) -> bool:
        """Return whether the import of torch has ended, successfully or not."""
        return self._torch.tried.is_set()

    def _load(self, shell: Any) -> None:
        for group in self._groups:
            try:
                loaded = group.load()
            except BaseException as error:  # noqa: BLE001 -- a broken installation can raise anything
                group.failure = f"can't load {', '.join(group.names)}: {_reason(error)}"
                print(group.failure, file=sys.stderr, flush=True)
            else:
                new = {name: value for name, value in loaded.items() if name not in shell.user_ns}
                shell.push(new, interactive=False)
            group.tried.set()

    def _wait(self, code: str, namespace: Mapping[str, object]) -> None:
        for group in self._missing(code, namespace):
            try:
                group.tried.wait()
            except KeyboardInterrupt:
                print(f"interrupted; still loading {', '.join(group.names)}", file=sys.stderr)
                return
            if group.failure is not None:
                print(group.failure, file=sys.stderr)

    def _missing(self, code: str, namespace: Mapping[str, object]) -> list[_Group]:
        """Return the groups with names that the code uses and that the namespace doesn't contain yet."""
        used = set(re.findall(r"\w+", code))
        return [group for group in self._groups if any(name in used and name not in namespace for name in group.names)]


def imported(name: str) -> ModuleType | None:
    """Return a module, or None if it isn't imported or another thread is still importing it."""
    module = sys.modules.get(name)
    return None if getattr(getattr(module, "__spec__", None), "_initializing", False) else module


def import_lab() -> ModuleType:
    """Import `fashion_tui.lab` with all its modules, so that completions include them."""
    from fashion_tui import lab  # noqa: PLC0415

    for module in pkgutil.walk_packages(lab.__path__, f"{lab.__name__}."):
        importlib.import_module(module.name)
    return lab


def _load_torch() -> Mapping[str, object]:
    import torch  # noqa: PLC0415 -- takes 2 s
    import torch.nn.functional as F  # noqa: PLC0415
    from torch import nn  # noqa: PLC0415

    from fashion_tui.lab.networks import GuideNet  # noqa: PLC0415

    return {"torch": torch, "nn": nn, "F": F, "net": GuideNet()}


def _load_data(ref: DatasetRef) -> Mapping[str, object]:
    from fashion_tui.lab.data.datasets import load  # noqa: PLC0415 -- imports torch

    from .image_dataset import ImageDataset  # noqa: PLC0415

    dataset = load(ref)
    return {
        "train_data": ImageDataset(dataset.train, dataset.classes, f"{ref.name}, training set"),
        "test_data": ImageDataset(dataset.test, dataset.classes, f"{ref.name}, test set"),
        "classes": dataset.classes,
    }


def _reason(error: BaseException) -> str:
    """Return the first line of an error's message.

    The line begins with the type of the error, unless fashion_tui defines that type.
    """
    first_line = (str(error).split("\n") or [""])[0]
    is_ours = type(error).__module__.startswith("fashion_tui.")
    return first_line if is_ours else f"{type(error).__name__}: {first_line}"
