"""The text of a session file: a Jupyter notebook with its outputs, or Python code with cell markers.

The notebook format is 4.5 (https://nbformat.readthedocs.io/en/latest/format_description.html). The cells of the
Python file are marked by `# %%`, which VS Code, Spyder and jupytext understand.
"""

import base64
import io
import math
import platform
from collections.abc import Iterable

import msgspec

from fashion_tui.kernel.outputs import Display, Error, Result, Stream
from fashion_tui.schema.kernel import KernelSetup
from fashion_tui.schema.plots import ImageGrid

from .cells import Cell, CellOutput
from .portable_code import as_python, preloaded_code

NOTEBOOK = ".ipynb"
PYTHON = ".py"

MIN_IMAGE_WIDTH = 112
"""Minimum width of an image, in pixels. Smaller images are enlarged by an integer factor."""

_GAP = 2
"""Number of pixels between the images of a grid, before the grid is enlarged."""


def session_text(suffix: str, cells: Iterable[Cell], setup: KernelSetup) -> str:
    """Return the text of a session file. `suffix` is NOTEBOOK or PYTHON.

    `setup` names the data set and the runs directory of the kernel.
    """
    return as_notebook(cells, setup) if suffix == NOTEBOOK else as_python_file(cells, setup)


def as_python_file(cells: Iterable[Cell], setup: KernelSetup) -> str:
    """Return the code of the cells. If they use preloaded names, the first cell of the file defines these names."""
    cells = list(cells)
    parts = [f"# %% In [{cell.number}]\n{as_python(cell.code)}\n" for cell in cells]
    if setup_code := _setup_code(cells, setup):
        parts.insert(0, f"# %% Preloaded in the Playground\n{setup_code}\n")
    return "\n".join(parts)


def as_notebook(cells: Iterable[Cell], setup: KernelSetup) -> str:
    """Return the cells and their outputs. If the cells use preloaded names, the first cell defines these names."""
    cells = list(cells)
    notebook_cells = [
        _notebook_cell(f"cell-{position}", cell.code, cell.number, _outputs(cell))
        for position, cell in enumerate(cells, 1)
    ]
    if setup_code := _setup_code(cells, setup):
        notebook_cells.insert(0, _notebook_cell("preloaded", f"# Preloaded in the Playground\n{setup_code}", None, []))
    notebook = {
        "cells": notebook_cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            "language_info": {"name": "python", "version": platform.python_version()},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return msgspec.json.format(msgspec.json.encode(notebook), indent=1).decode() + "\n"


def _setup_code(cells: Iterable[Cell], setup: KernelSetup) -> str:
    return preloaded_code("\n".join(cell.code for cell in cells), setup)


def _notebook_cell(cell_id: str, code: str, number: int | None, outputs: list[dict[str, object]]) -> dict[str, object]:
    return {
        "cell_type": "code",
        "execution_count": number,
        "id": cell_id,
        "metadata": {},
        "outputs": outputs,
        "source": code.splitlines(keepends=True),
    }


def _outputs(cell: Cell) -> list[dict[str, object]]:
    outputs = [_output(output) for output in cell.merged_outputs()]
    if cell.is_truncated:
        outputs.insert(0, _output(Stream("stderr", "… beginning of the output discarded\n")))
    return outputs


def _output(output: CellOutput) -> dict[str, object]:
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
        data["image/png"] = base64.b64encode(_png(output.plot)).decode()
    return {"data": data, "metadata": {}}


def _png(images: ImageGrid) -> bytes:
    """Encode images as one PNG: a nearly square grid, which is enlarged if the images are small."""
    from PIL import Image  # noqa: PLC0415 -- the rest of this process doesn't need pillow

    columns = math.ceil(math.sqrt(images.count))
    rows = math.ceil(images.count / columns)
    mode = "L" if images.channels == 1 else "RGB"
    width, height = images.width + _GAP, images.height + _GAP
    sheet = Image.new(mode, (columns * width - _GAP, rows * height - _GAP))
    for index in range(images.count):
        image = Image.frombytes(mode, (images.width, images.height), images.image(index))
        sheet.paste(image, (index % columns * width, index // columns * height))
    factor = max(1, math.ceil(MIN_IMAGE_WIDTH / images.width))
    file = io.BytesIO()
    sheet.resize((sheet.width * factor, sheet.height * factor), Image.Resampling.NEAREST).save(file, "PNG")
    return file.getvalue()
