"""`fashion-tui attach` opens the app with a run, and with the folders and the data set of its options."""

from pathlib import Path

import pytest

from fashion_tui.schema.run import short_name
from tests.runs.parts import make_run
from tests.terminal import Terminal
from tests.tui.apps import AppLauncher


@pytest.mark.covers("attach --runs", "attach --data", "attach --dataset")
def test_attach_shows_the_run_of_another_folder_and_uses_the_given_data(
    app_terminal: AppLauncher, tmp_path: Path
) -> None:
    """A data folder that doesn't exist is reported, unless the data set is synthetic, which needs no folder."""
    runs, data = tmp_path / "elsewhere", tmp_path / "nodata"
    first, _newest = (make_run(runs, name=name).id for name in ("first", "newest"))

    def attach(*options: str) -> Terminal:
        return app_terminal("attach", first, "--runs", str(runs), "--data", str(data), *options, dataset=None)

    with attach() as terminal:
        terminal.wait_for(f"{short_name(first)}   guide")  # the title of the chosen run
        terminal.wait_for(data.name)
        terminal.press("ctrl+q")
        assert terminal.exit_status() == 0
    with attach("--dataset", "synthetic") as terminal:
        terminal.wait_for(f"{short_name(first)}   guide")
        terminal.press("f3")
        terminal.wait_for("T-shirt/top")
        assert data.name not in terminal.settle()
