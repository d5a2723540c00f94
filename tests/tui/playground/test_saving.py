"""Saving the session with Ctrl+S, as a notebook and as Python."""

import re
from pathlib import Path

import nbformat
import pytest
from textual.widgets import Input

from fashion_tui.tui.dialogs.save import SaveDialog
from tests.tui.pilots import until

from .driver import Playground, open_playground


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder in which the tests save."""
    folder = tmp_path / "folder"
    folder.mkdir()
    return folder


def files_in(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


async def open_form(playground: Playground) -> Input:
    """Open the form and return its path field."""
    await playground.pilot.press("ctrl+s")
    await until(playground.pilot, lambda: isinstance(playground.app.screen, SaveDialog), "the form")
    return playground.app.screen.query_one(Input)


async def test_saving_a_notebook_under_the_suggested_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with open_playground() as playground:
        await playground.run("x = torch.ones(2)\nx")
        await playground.run("print('printed'); 1 / 0")
        field = await open_form(playground)
        path = Path(field.value)
        assert path.parent == tmp_path
        assert re.fullmatch(r"playground-\d{8}-\d{6}\.ipynb", path.name)
        await playground.pilot.press("enter")
        await playground.wait_for("Saved")
        notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
        nbformat.validate(notebook)
        preloaded, value, error = notebook.cells
        assert preloaded.source.split("\n")[1:] == ["import torch"]
        assert (value.source, value.execution_count) == ("x = torch.ones(2)\nx", 1)
        assert value.outputs[0].data["text/plain"] == "tensor([1., 1.])"
        assert error.outputs[0].text == "printed\n"
        assert error.outputs[1].ename == "ZeroDivisionError"
        assert playground.app.focused is playground.prompt


async def test_suffix_chooses_the_format_and_replacing_needs_confirmation(folder: Path) -> None:
    file = folder / "session.py"
    file.write_text("mine")
    async with open_playground() as playground:
        await playground.run("x = 1")
        await playground.run("%timeit -n1 -r1 x")
        field = await open_form(playground)
        field.value = str(file)
        await playground.pilot.press("enter")
        await playground.wait_for("press enter again")
        assert file.read_text() == "mine"
        await playground.pilot.press("enter")
        await playground.wait_for("Saved")
        assert file.read_text() == "# %% In [1]\nx = 1\n\n# %% In [2]\n# %timeit -n1 -r1 x\n"
        assert files_in(folder) == ["session.py"]


@pytest.mark.parametrize(
    ("name", "problem"),
    [("session.txt", "must end in .ipynb or .py"), ("nosuch/session.py", "exist")],
)
async def test_invalid_path(folder: Path, name: str, problem: str) -> None:
    async with open_playground() as playground:
        await playground.run("x = 1")
        field = await open_form(playground)
        field.value = str(folder / name)
        await playground.pilot.press("enter")
        await playground.wait_for(problem)
        await playground.pilot.press("escape")
        assert files_in(folder) == []


async def test_failure_to_write_returns_to_the_form() -> None:
    async with open_playground() as playground:
        await playground.run("x = 1")
        field = await open_form(playground)
        field.value = "/proc/self/session.py"  # not even root can create a file in this folder
        await playground.pilot.press("enter")
        await playground.wait_for("can't write")
        assert isinstance(playground.app.screen, SaveDialog)  # the form keeps the path, so that the user can correct it
        assert playground.app.screen.query_one(Input).value == "/proc/self/session.py"
        await playground.pilot.press("escape")
        assert playground.app.focused is playground.prompt


async def test_nothing_to_save_without_a_cell() -> None:
    async with open_playground() as playground:
        await playground.pilot.press("ctrl+s")
        await playground.wait_for("Nothing to save")
        assert not isinstance(playground.app.screen, SaveDialog)
