"""Drafts of edited networks: they survive the app, and are offered to the next one."""

import os
import signal
import time
from pathlib import Path

from fashion_tui.schema.models import CustomModel
from fashion_tui.tui.model.drafts import Draft, DraftFile, newest_left_draft
from tests.terminal import TIMEOUT, Terminal
from tests.tui.apps import CONTENTS, KEYS, AppLauncher


def draft(name: str, edited: float) -> Draft:
    model = CustomModel(source="edited", class_name=None)
    return Draft(name=name, model=model, original="original", inputs=(), time=edited)


def test_only_drafts_of_apps_that_have_ended_are_offered(tmp_path: Path) -> None:
    files = [DraftFile(tmp_path / "drafts") for _ in range(3)]
    for index, file in enumerate(files):
        file.write(draft(f"net{index}", index))
        file.write(draft(f"net{index}", index + 0.5))
    assert newest_left_draft(tmp_path / "drafts") is None
    for file in files[:2]:
        file.release()
    left = newest_left_draft(tmp_path / "drafts")
    assert left is not None
    assert left.draft == draft("net1", 1.5)
    left.discard()
    left = newest_left_draft(tmp_path / "drafts")
    assert left is not None
    assert left.draft.name == "net0"
    left.path.write_bytes(b"damaged")
    assert newest_left_draft(tmp_path / "drafts") is None
    files[2].remove()
    assert newest_left_draft(tmp_path / "drafts") is None


def _open_model_pane(terminal: Terminal) -> None:
    terminal.wait_for(CONTENTS["playground"])
    terminal.press(KEYS["model"])


def _wait_for_draft(app_terminal: AppLauncher, text: str) -> None:
    drafts = app_terminal.folder / "state" / "fashion-tui" / "drafts"
    end = time.monotonic() + TIMEOUT
    while not any(text in file.read_text() for file in drafts.glob("*.json")):
        assert time.monotonic() < end, os.listdir(drafts)  # noqa: PTH208
        time.sleep(0.05)


def test_edits_survive_a_crash_a_hangup_and_q(app_terminal: AppLauncher) -> None:
    terminal = app_terminal()
    _open_model_pane(terminal)
    terminal.wait_for(CONTENTS["model"])
    terminal.press("i")
    terminal.wait_for("class GuideNet")
    terminal.type("# one")
    _wait_for_draft(app_terminal, "# one")
    terminal.send_signal(signal.SIGKILL)
    terminal.exit_status()

    terminal = app_terminal()
    terminal.wait_for("nsaved edits to guide")  # the notification
    _open_model_pane(terminal)
    terminal.wait_for("restore")
    terminal.press("y")
    terminal.wait_for('# one"""')
    terminal.type(" two ")
    terminal.wait_for("two")
    terminal.hang_up()  # the last edits were made just now
    terminal.exit_status()

    terminal = app_terminal()
    _open_model_pane(terminal)
    terminal.wait_for("restore")
    terminal.press("y")
    terminal.wait_until(lambda screen: "# one" in screen and "two" in screen, "all edits")
    terminal.press("escape", "z")
    terminal.wait_gone("# one")  # reverted to the source before the edits
    terminal.press("i", "ctrl+z", "escape")
    terminal.wait_for("# one")
    terminal.press("q")
    assert terminal.exit_status() == 0

    terminal = app_terminal()
    _open_model_pane(terminal)
    terminal.wait_for("restore")
    terminal.press("d")
    terminal.wait_gone("restore")
    terminal.press("q")
    assert terminal.exit_status() == 0
    assert list((app_terminal.folder / "state" / "fashion-tui" / "drafts").iterdir()) == []
