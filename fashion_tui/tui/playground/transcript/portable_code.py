"""Convert cells to code that runs outside the Playground: comment out IPython syntax and define the preloaded names."""

import ast
import re
import warnings
from typing import NamedTuple

import msgspec

from fashion_tui.data.sources import SYNTHETIC
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.kernel import KernelSetup

# IPython's syntax

_MAGIC = re.compile(
    r"""\s*(?:
        %{1,2}[a-zA-Z_]  # %timeit x
      | !  # !ls
      | [\w.,\s]+=\s*(?:%[a-zA-Z_]|!)  # files = !ls
      | \?{1,2}[%\w.*]+\s*$  # ?name
      | [%\w.*\[\]]+\?{1,2}\s*$  # name??
    )""",
    re.VERBOSE,
)
_PYTHON_CELL_MAGICS = {"capture", "prun", "time", "timeit"}
"""Cell magics that are followed by Python code."""


def as_python(code: str) -> str:
    """Return the code of a cell as valid Python, with magics and shell commands commented out."""
    if _compiles(code):
        return code
    if _compiles(code, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT):
        return f"# await outside a function: runs in IPython and notebooks only\n{code}"
    first, _, rest = code.lstrip().partition("\n")
    if first.startswith("%%"):
        name = first[2:].split(maxsplit=1)[0] if first[2:].split() else ""
        # Without the words `cell magic:`, the comment would start with `# %%`, which begins a new cell.
        return f"# cell magic: {first}\n{as_python(rest) if name in _PYTHON_CELL_MAGICS else _commented(rest)}"
    python = "\n".join(map(_without_magic, code.split("\n")))
    return python if _compiles(python) else f"# not valid Python:\n{_commented(code)}"


def _compiles(code: str, flags: int = 0) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(code, "<cell>", "exec", flags, dont_inherit=True)
        except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
            return False
    return True


def _without_magic(line: str) -> str:
    if not _MAGIC.match(line):
        return line
    code = line.lstrip()
    indent = line[: len(line) - len(code)]
    return f"{indent}pass  # {code}" if indent else f"# {code}"


def _commented(code: str) -> str:
    return "\n".join(f"# {line}".rstrip() for line in code.split("\n"))


# Preloaded names


class _Preloaded(NamedTuple):
    """Names that the Playground's kernel defines when it starts, and code that defines them elsewhere."""

    names: frozenset[str]
    imports: tuple[str, ...]
    code: tuple[str, ...] = ()


_PRELOADED = (
    _Preloaded(frozenset({"torch"}), ("import torch",)),
    _Preloaded(frozenset({"F"}), ("import torch.nn.functional as F",)),
    _Preloaded(frozenset({"nn"}), ("from torch import nn",)),
    _Preloaded(frozenset({"net"}), ("from fashion_tui.lab.networks import GuideNet",), ("net = GuideNet()",)),
    _Preloaded(frozenset({"lab"}), ("from fashion_tui.kernel.preload import import_lab",), ("lab = import_lab()",)),
    _Preloaded(frozenset({"show"}), ("from fashion_tui.kernel.show import show",)),
    _Preloaded(
        frozenset({"runs"}),
        ("from pathlib import Path", "from fashion_tui.kernel.run_list import RunList"),
        ("runs = RunList(Path({runs!r}))",),
    ),
    _Preloaded(
        frozenset({"train_data", "test_data", "classes"}),
        (
            "from fashion_tui.kernel.image_dataset import ImageDataset",
            "from fashion_tui.lab.data.datasets import load",
            "from fashion_tui.schema.dataset import DatasetRef",
        ),
        (
            "dataset = load(DatasetRef({dataset}))",
            "classes = dataset.classes",
            'train_data = ImageDataset(dataset.train, classes, "training set")',
            'test_data = ImageDataset(dataset.test, classes, "test set")',
        ),
    ),
)


def preloaded_code(code: str, setup: KernelSetup) -> str:
    """Return code that defines the preloaded names that `code` uses, or an empty string if it uses none.

    `setup` names the data set and the runs directory of the kernel.
    """
    words = set(re.findall(r"\w+", code))
    used = [preloaded for preloaded in _PRELOADED if words & preloaded.names]
    imports = "\n".join(line for preloaded in used for line in preloaded.imports)
    dataset = setup.dataset
    definitions = "\n".join(line for preloaded in used for line in preloaded.code).format(
        dataset=_arguments(dataset or SYNTHETIC),
        runs=setup.runs_directory,
    )
    return f"{imports}\n\n{definitions}".strip()


def _arguments(dataset: DatasetRef) -> str:
    """Return the arguments with which a reference to a data set is created, without its checksum."""
    values = msgspec.structs.asdict(dataset) | {"sha256": ""}
    return ", ".join(f"{name}={value!r}" for name, value in values.items() if value is not None or name == "directory")
