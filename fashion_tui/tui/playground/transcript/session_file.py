"""A session as a file: a Jupyter notebook with its outputs, or Python in cells.

The notebook is of format 4.5 (https://nbformat.readthedocs.io/en/latest/format_description.html); the cells of the
Python file are marked as VS Code, Spyder and jupytext understand them.
"""

import base64
import platform
from collections.abc import Iterable

import msgspec

from fashion_tui.kernel.outputs import Display, Error, Result, Stream
from fashion_tui.schema.kernel import KernelSetup
from fashion_tui.schema.plots import ImageGrid

from .cells import Cell, Kept
from .magics import as_python
from .preloaded_code import code_for

NOTEBOOK = ".ipynb"
PYTHON = ".py"


def session_text(suffix: str, cells: Iterable[Cell], world: KernelSetup) -> str:
    """What the file is to hold, by its suffix: NOTEBOOK or PYTHON. `world`: what the kernel was told."""
    return as_notebook(cells, world) if suffix == NOTEBOOK else as_python_file(cells, world)


def as_python_file(cells: Iterable[Cell], world: KernelSetup) -> str:
    """The cells, each below its mark, without outputs."""
    cells = list(cells)
    parts = [f"# %% In [{cell.number}]\n{as_python(cell.code)}\n" for cell in cells]
    if made := _made_at_hand(cells, world):
        parts.insert(0, f"# %% what was at hand\n{made}\n")
    return "\n".join(parts)


def as_notebook(cells: Iterable[Cell], world: KernelSetup) -> str:
    """The cells with their outputs."""
    cells = list(cells)
    shown = [
        _cell(f"cell-{position}", cell.code, cell.number, _outputs(cell)) for position, cell in enumerate(cells, 1)
    ]
    if made := _made_at_hand(cells, world):
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


def _made_at_hand(cells: Iterable[Cell], world: KernelSetup) -> str:
    return code_for("\n".join(cell.code for cell in cells), world)


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
        case Result(execution_count=count):
            return {"output_type": "execute_result", "execution_count": count} | _data(output)
        case Display():
            return {"output_type": "display_data"} | _data(output)
        case Error(ename=name, evalue=value, traceback=traceback):
            return {"output_type": "error", "ename": name, "evalue": value, "traceback": traceback.split("\n")}


def _data(output: Result | Display) -> dict[str, object]:
    data: dict[str, object] = {"text/plain": output.text.splitlines(keepends=True)}
    if isinstance(output.plot, ImageGrid):
        from .png import png  # noqa: PLC0415 -- pillow, which nothing else in this process needs

        data["image/png"] = base64.b64encode(png(output.plot)).decode()
    return {"data": data, "metadata": {}}
