"""A session saved by ctrl+s, as a notebook and as Python."""

import re
from pathlib import Path

import nbformat
import pytest
from textual.widgets import Input

from fashion_tui.tui.dialogs.save import SaveDialog
from tests.tui.pilots import until

from .driver import Playground, playground


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """For the files that are saved."""
    folder = tmp_path / "folder"
    folder.mkdir()
    return folder


def files_in(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


async def form(it: Playground) -> Input:
    """The field where the file's name stands."""
    await it.pilot.press("ctrl+s")
    await until(it.pilot, lambda: isinstance(it.app.screen, SaveDialog), "the question where to")
    return it.app.screen.query_one(Input)


async def test_a_session_becomes_a_notebook_of_todays_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with playground() as it:
        await it.run("x = torch.ones(2)\nx")
        await it.run("print('printed'); 1 / 0")
        field = await form(it)
        path = Path(field.value)
        assert path.parent == tmp_path
        assert re.fullmatch(r"playground-\d{8}-\d{6}\.ipynb", path.name)
        await it.pilot.press("enter")
        await it.sees("saved:")
        notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
        nbformat.validate(notebook)
        at_hand, value, error = notebook.cells
        assert at_hand.source == "# What was at hand\nimport torch"
        assert (value.source, value.execution_count) == ("x = torch.ones(2)\nx", 1)
        assert value.outputs[0].data["text/plain"] == "tensor([1., 1.])"
        assert error.outputs[0].text == "printed\n"
        assert error.outputs[1].ename == "ZeroDivisionError"
        assert it.app.focused is it.prompt


async def test_the_suffix_decides_and_a_file_is_replaced_only_when_that_was_said(folder: Path) -> None:
    file = folder / "session.py"
    file.write_text("mine")
    async with playground() as it:
        await it.run("x = 1")
        await it.run("%timeit -n1 -r1 x")
        field = await form(it)
        field.value = str(file)
        await it.pilot.press("enter")
        await it.sees("press enter again")
        assert file.read_text() == "mine"
        await it.pilot.press("enter")
        await it.sees("saved:")
        assert file.read_text() == "# %% In [1]\nx = 1\n\n# %% In [2]\n# %timeit -n1 -r1 x\n"
        assert files_in(folder) == ["session.py"]


@pytest.mark.parametrize(
    ("name", "said"),
    [("session.txt", "must end in .ipynb or .py"), ("nosuch/session.py", "exist")],
)
async def test_a_name_that_wont_do_is_told(folder: Path, name: str, said: str) -> None:
    async with playground() as it:
        await it.run("x = 1")
        field = await form(it)
        field.value = str(folder / name)
        await it.pilot.press("enter")
        await it.sees(said)
        await it.pilot.press("escape")
        assert files_in(folder) == []


async def test_what_goes_wrong_is_told_in_a_line() -> None:
    async with playground() as it:
        await it.run("x = 1")
        field = await form(it)
        field.value = "/proc/self/session.py"  # where nobody can make a file, root neither
        await it.pilot.press("enter")
        await it.sees("can't write")
        assert isinstance(it.app.screen, SaveDialog)  # to choose another place, the first one still there
        assert it.app.screen.query_one(Input).value == "/proc/self/session.py"
        await it.pilot.press("escape")
        assert it.app.focused is it.prompt


async def test_without_a_cell_there_is_nothing_to_save() -> None:
    async with playground() as it:
        await it.pilot.press("ctrl+s")
        await it.sees("Nothing was run yet")
        assert not isinstance(it.app.screen, SaveDialog)
