"""Names that aren't UTF-8 don't end the app: it shows and refuses them in one line."""

import os
from pathlib import Path

import pytest

from tests.runs.parts import make_run
from tests.tui.apps import AppLauncher, quit_app

NOT_UTF8 = os.fsdecode(b"caf\xe9")


def test_working_directory_and_runs(app_terminal: AppLauncher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel runs, the session is saved, other paths are refused, and a damaged run doesn't hide the others."""
    with make_run(app_terminal.runs) as run:
        run.path.rename(app_terminal.runs / NOT_UTF8)
    with make_run(app_terminal.runs, name="other"):
        pass
    folder = tmp_path / NOT_UTF8
    folder.mkdir()
    (folder / "mine.py").write_text("VALUE = 'imported'\n")
    monkeypatch.chdir(folder)
    with app_terminal(environ={"XDG_RUNTIME_DIR": str(folder)}) as terminal:
        terminal.wait_for("synthetic garments")
        terminal.type("import os, mine; print(mine.VALUE, os.getcwd()[-4:])")
        terminal.press("enter")
        terminal.wait_for("imported caf")
        terminal.press("ctrl+s")
        terminal.wait_for("Save the session")
        for path, words in (("~nosuchuser/x.py", "home directory"), ("x" * 300 + ".py", "File name too long")):
            terminal.press("ctrl+u")
            terminal.send(b"\x1b[200~" + path.encode() + b"\x1b[201~")
            terminal.press("enter")
            terminal.wait_for(words)
        terminal.press("escape")
        terminal.press("f5")
        terminal.wait_for("caf\ufffd")
        terminal.wait_for("other-")
        terminal.press("down")
        terminal.wait_for("UTF-8")
        for key in ("r", "p", "s", "c", "e", "o", "escape", "f5"):
            terminal.press(key)
            terminal.settle()
        terminal.wait_for("UTF-8")
        assert ("no values" in terminal.text(), "\\udc" in terminal.text()) == (False, False)
        terminal.press("escape")
        quit_app(terminal)
        assert "Traceback" not in terminal.text_after_exit()


@pytest.mark.parametrize("variable", ["FASHION_TUI_RUNS", "FASHION_TUI_DATA", "XDG_STATE_HOME"])
def test_environment_variables(app_terminal: AppLauncher, variable: str) -> None:
    environ: dict[str, str | None] = {"FASHION_TUI_RUNS": None, "FASHION_TUI_DATA": "/nonexistent"}
    with app_terminal(dataset=None, environ=environ | {variable: f"/nonexistent/{NOT_UTF8}"}) as terminal:
        if variable == "FASHION_TUI_DATA":
            terminal.wait_for("UTF-8")
            terminal.press("ctrl+q")
            assert terminal.exit_status() == 0
        else:
            assert terminal.exit_status() in {1, 2}
            assert "Traceback" not in terminal.text()
            assert "UTF-8" in terminal.text()


def test_an_output_stream_of_another_encoding(app_terminal: AppLauncher) -> None:
    with app_terminal(environ={"PYTHONIOENCODING": "latin-1:strict"}) as terminal:
        terminal.wait_for("synthetic garments")
        terminal.press("f4")
        terminal.wait_for("max_pool2d")
        terminal.press("ctrl+q")
        assert terminal.exit_status() == 0
