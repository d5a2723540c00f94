"""A session as a file: a Jupyter notebook with its outputs, or Python in cells.

The notebook is of format 4.5 (https://nbformat.readthedocs.io/en/latest/format_description.html); the cells of the
Python file are marked as VS Code, Spyder and jupytext understand them.
"""

import platform
import re
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from fashion_tui.kernel.outputs import Display, Error, Result, Stream
from fashion_tui.schema.dataset import DatasetRef

from .cells import Cell, Kept
from .magics import as_python

NOTEBOOK = ".ipynb"
PYTHON = ".py"


class _Names(NamedTuple):
    """Names that a fresh kernel has, and the code that makes them elsewhere."""

    names: frozenset[str]
    imports: tuple[str, ...]
    code: tuple[str, ...] = ()


_AT_HAND = (
    _Names(frozenset({"torch"}), ("import torch",)),
    _Names(frozenset({"F"}), ("import torch.nn.functional as F",)),
    _Names(frozenset({"nn"}), ("from torch import nn",)),
    _Names(frozenset({"net"}), ("from fashion_tui.lab.models import GuideNet",), ("net = GuideNet()",)),
    _Names(
        frozenset({"train_data", "test_data", "classes"}),
        (
            "from fashion_tui.kernel.labelled import LabelledImages",
            "from fashion_tui.lab.datasets import load",
            "from fashion_tui.schema.dataset import DatasetRef",
        ),
        (
            'dataset = load(DatasetRef(name={name!r}, directory={directory!r}, sha256=""))',
            "classes = dataset.classes",
            'train_data = LabelledImages(dataset.train, classes, "training set")',
            'test_data = LabelledImages(dataset.test, classes, "test set")',
        ),
    ),
)


def session_text(suffix: str, cells: Iterable[Cell], dataset: DatasetRef) -> str:
    """What the file is to hold, by its suffix: NOTEBOOK or PYTHON. `dataset`: what `train_data` was."""
    return as_notebook(cells, dataset) if suffix == NOTEBOOK else as_python_file(cells, dataset)


def as_python_file(cells: Iterable[Cell], dataset: DatasetRef) -> str:
    """The cells, each below its mark, without outputs."""
    cells = list(cells)
    parts = [f"# %% In [{cell.number}]\n{as_python(cell.code)}\n" for cell in cells]
    if made := _made_at_hand(cells, dataset):
        parts.insert(0, f"# %% what was at hand\n{made}\n")
    return "\n".join(parts)


def as_notebook(cells: Iterable[Cell], dataset: DatasetRef) -> str:
    """The cells with their outputs."""
    cells = list(cells)
    shown = [
        _cell(f"cell-{position}", cell.code, cell.number, _outputs(cell)) for position, cell in enumerate(cells, 1)
    ]
    if made := _made_at_hand(cells, dataset):
        shown.insert(0, _cell("at-hand", f"# What was at hand\n{made}", None, []))
    notebook = {
        "cells": shown,
        "metadata": {
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            "language_info": {"name": "python", "version": platform.python_version()},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return msgspec.json.format(msgspec.json.encode(notebook), indent=1).decode() + "\n"


def _made_at_hand(cells: Iterable[Cell], dataset: DatasetRef) -> str:
    """Code that makes those names which the cells found in the kernel; empty where there are none."""
    words = {word for cell in cells for word in re.findall(r"\w+", cell.code)}
    wanted = [names for names in _AT_HAND if words & names.names]
    imports = "\n".join(line for names in wanted for line in names.imports)
    code = "\n".join(line for names in wanted for line in names.code)
    code = code.format(name=dataset.name, directory=dataset.directory)
    return f"{imports}\n\n{code}".strip()


def _cell(cell_id: str, code: str, number: int | None, outputs: list[dict[str, object]]) -> dict[str, object]:
    return {
        "cell_type": "code",
        "execution_count": number,
        "id": cell_id,
        "metadata": {},
        "outputs": outputs,
        "source": code.splitlines(keepends=True),
    }


def _outputs(cell: Cell) -> list[dict[str, object]]:
    outputs = [_output(output) for output in cell.outputs()]
    if cell.is_cut:
        outputs.insert(0, _output(Stream("stderr", "… the beginning of this output wasn't kept\n")))
    return outputs


def _output(output: Kept) -> dict[str, object]:
    match output:
        case Stream(name=name, text=text):
            return {"output_type": "stream", "name": name, "text": text.splitlines(keepends=True)}
        case Result(execution_count=count, text=text):
            return {"output_type": "execute_result", "execution_count": count} | _data(text)
        case Display(text=text):
            return {"output_type": "display_data"} | _data(text)
        case Error(ename=name, evalue=value, traceback=traceback):
            return {"output_type": "error", "ename": name, "evalue": value, "traceback": traceback.split("\n")}


def _data(text: str) -> dict[str, object]:
    return {"data": {"text/plain": text.splitlines(keepends=True)}, "metadata": {}}
