"""Session files: notebooks that nbformat validates, and Python that runs."""

import ast
import base64
import io
import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from PIL import Image

from fashion_tui.kernel.outputs import Display, Dropped, Error, Result, Stream
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.kernel import KernelSetup
from fashion_tui.schema.plots import HeatMap, ImageGrid
from fashion_tui.tui.playground.transcript.cells import Cell
from fashion_tui.tui.playground.transcript.portable_code import as_python
from fashion_tui.tui.playground.transcript.scrollback import Scrollback
from fashion_tui.tui.playground.transcript.session_file import as_notebook, as_python_file

SYNTHETIC = KernelSetup(dataset=DatasetRef(name="synthetic", directory=None, sha256=""), runs_directory="/my runs")


def session(*codes: str) -> list[Cell]:
    scrollback = Scrollback()
    for number, code in enumerate(codes, 1):
        scrollback.add_cell(number, code)
    return list(scrollback.cells)


@pytest.mark.parametrize(
    ("code", "python"),
    [
        ("x = 1\nx % 2", "x = 1\nx % 2"),
        ("%timeit x", "# %timeit x"),
        ("x = 1\n!ls *.py\nx", "x = 1\n# !ls *.py\nx"),
        ("files = !ls", "# files = !ls"),
        ("a, b = %who_ls", "# a, b = %who_ls"),
        ("torch.ones?", "# torch.ones?"),
        ("??net", "# ??net"),
        ("for i in x:\n    %time f(i)", "for i in x:\n    pass  # %time f(i)"),
        ("%%timeit -n1\nx = 1", "# cell magic: %%timeit -n1\nx = 1"),
        ("%%bash\nls\n\necho", "# cell magic: %%bash\n# ls\n#\n# echo"),
        ("%%", "# cell magic: %%\n#"),
        ("1 +", "# not valid Python:\n# 1 +"),
        ("return 1", "# not valid Python:\n# return 1"),
        ("x = '''\n%no magic\n'''", "x = '''\n%no magic\n'''"),
        ("await f()", "# await outside a function: runs in IPython and notebooks only\nawait f()"),
    ],
)
def test_ipython_syntax_becomes_a_comment(code: str, python: str) -> None:
    assert as_python(code) == python
    if "await" not in code:
        ast.parse(python)


def test_python_file_marks_its_cells() -> None:
    text = as_python_file(session("x = 1", "def f():\n    return x", "%%timeit\nx"), SYNTHETIC)
    assert text.split("\n\n") == [
        "# %% In [1]\nx = 1",
        "# %% In [2]\ndef f():\n    return x",
        "# %% In [3]\n# cell magic: %%timeit\nx\n",
    ]
    assert [line for line in text.split("\n") if line.startswith("# %%")] == [f"# %% In [{n}]" for n in (1, 2, 3)]


def test_python_file_with_preloaded_names_runs_alone(tmp_path: Path) -> None:
    cells = session(
        "A = torch.tensor(3.0, requires_grad=True); (A * F.relu(A)).backward()",
        "%timeit A",
        "isinstance(net.conv1, nn.Conv2d); show(train_data[0])",
        "image, label = train_data[0]\nprint(A.grad.item(), *net(image[None]).shape, classes[0], len(test_data))",
        "print(lab.networks.GuideNet.__name__, len(runs), runs.directory)",
    )
    file = tmp_path / "session.py"
    file.write_text(as_python_file(cells, SYNTHETIC))
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown, *printed = done.stdout.splitlines()
    assert "float32 [1, 28, 28]" in shown
    assert printed == ["6.0 1 10 T-shirt/top 2000", "GuideNet 0 /my runs"]
    assert "train_data" not in as_python_file(session("1 + 1"), SYNTHETIC)


def test_notebook_is_valid_and_contains_the_outputs() -> None:
    scrollback = Scrollback()
    scrollback.add_cell(1, "print('a')\nprint('b')")
    scrollback.add(Stream("stdout", "a\n"))
    scrollback.add(Stream("stdout", "b\n"))
    scrollback.add(Stream("stderr", "warned\n"))
    scrollback.add_cell(2, "x")
    scrollback.add(Display("shown"))
    scrollback.add(Result(2, "tensor([[1],\n        [2]])"))
    scrollback.add_cell(3, "1/0")
    scrollback.add(Error("ZeroDivisionError", "division by zero", "\x1b[31mTraceback\x1b[0m\nZeroDivisionError"))
    scrollback.add_cell(4, "flood()")
    scrollback.add(Dropped(5, 10))
    text = as_notebook(scrollback.cells, SYNTHETIC)
    notebook = nbformat.reads(text, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert [cell.source for cell in notebook.cells] == ["print('a')\nprint('b')", "x", "1/0", "flood()"]
    assert [cell.execution_count for cell in notebook.cells] == [1, 2, 3, 4]
    printed, value, error, flood = (cell.outputs for cell in notebook.cells)
    assert [(output.name, output.text) for output in printed] == [("stdout", "a\nb\n"), ("stderr", "warned\n")]
    assert [output.output_type for output in value] == ["display_data", "execute_result"]
    assert [output.data["text/plain"] for output in value] == ["shown", "tensor([[1],\n        [2]])"]
    assert value[1].execution_count == 2
    assert (error[0].ename, error[0].evalue) == ("ZeroDivisionError", "division by zero")
    assert error[0].traceback == ["\x1b[31mTraceback\x1b[0m", "ZeroDivisionError"]
    assert "discarded" in flood[0].text


def test_notebook_begins_with_the_preloaded_names() -> None:
    setup = KernelSetup(dataset=DatasetRef(name="fashion-mnist", directory="/da'ta", sha256="0"))
    notebook = nbformat.reads(as_notebook(session("%timeit net", "len(train_data)"), setup), as_version=4)
    nbformat.validate(notebook)
    first, *others = notebook.cells
    assert first.execution_count is None
    assert "net = GuideNet()" in first.source
    assert """name='fashion-mnist', directory="/da'ta\"""" in first.source
    ast.parse(first.source)
    assert [cell.source for cell in others] == ["%timeit net", "len(train_data)"]  # magics are kept


def test_notebook_has_short_lines_for_diffs() -> None:
    text = as_notebook(session("a = 1\nb = 2"), SYNTHETIC)
    assert json.loads(text)["cells"][0]["source"] == ["a = 1\n", "b = 2"]
    assert text.endswith("}\n")
    assert max(map(len, text.splitlines())) < 80


def test_notebook_has_images_as_png_and_other_plots_as_text() -> None:
    scrollback = Scrollback()
    scrollback.add_cell(1, "show(train_data[0:3])")
    images = ImageGrid(count=3, height=2, width=3, channels=3, pixels=bytes(range(54)), total=3)
    scrollback.add(Display("3 images", images))
    scrollback.add_cell(2, "show(matrix)")
    scrollback.add(Result(2, "a matrix", HeatMap(rows=1, columns=2, levels=b"\0\xfe", low=0.0, high=1.0)))
    notebook = nbformat.reads(as_notebook(scrollback.cells, SYNTHETIC), as_version=4)
    nbformat.validate(notebook)
    *_, image_cell, heat_map_cell = notebook.cells
    data = image_cell.outputs[0].data
    assert data["text/plain"] == "3 images"
    image = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    zoom = image.width // 8  # two images of three pixels side by side, with a gap of two pixels
    assert (image.mode, image.size) == ("RGB", (8 * zoom, 6 * zoom))
    corners = [(0, 0), (5, 0), (0, 4), (3, 0)]  # one pixel of each of the three images, and one of the gap
    colours = [image.getpixel((x * zoom + zoom // 2, y * zoom + zoom // 2)) for x, y in corners]
    assert colours == [(0, 1, 2), (18, 19, 20), (36, 37, 38), (0, 0, 0)]
    assert set(heat_map_cell.outputs[0].data) == {"text/plain"}
