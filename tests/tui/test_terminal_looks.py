"""Every pane shows its information at every size and on every kind of terminal."""

import re
from collections.abc import Iterator

import pytest

from fashion_tui.bench.terminal import Size
from fashion_tui.schema.dataset import SYNTHETIC_NOTICE
from tests.tui.apps import AppLauncher


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppLauncher]:
    """Start apps in an environment with one finished run."""
    launcher = AppLauncher(tmp_path_factory.mktemp("looks") / "app")
    try:
        launcher.finished_run("--dataset", "synthetic", batch_size=97)  # 124 steps
        yield launcher
    finally:
        launcher.end()


PANES: dict[str, tuple[str, ...]] = {
    "f2": ("In [1]",),
    "f3": ("T-shirt/top", "Ankle boot"),
    "f4": ("conv1", "relu", "max_pool2d", "12×28×28", "204,542"),
    "f5": ("guide", "finished", "1/1", "loss", "124"),
    "f6": ("accuracy", "Trouser", "%"),
}


ATTRIBUTES = {*range(10), *range(21, 30), 39, 49}
"""SGR codes that set attributes such as bold, and those that restore the default colours."""

SIXTEEN_COLOURS = {*range(30, 38), *range(40, 48), *range(90, 98), *range(100, 108)}
"""SGR codes of the 16 colours, as foreground and as background."""


@pytest.mark.parametrize(
    ("size", "environ"),
    [
        ((80, 24), {"TERM": "xterm-16color", "COLORTERM": None}),
        ((120, 40), {"NO_COLOR": "1"}),
        ((200, 50), {"TERM": "xterm-256color", "COLORTERM": None}),
        ((80, 24), {"LANG": "C"}),
    ],
    ids=["80x24 in 16 colours", "120x40 NO_COLOR", "200x50 in 256 colours", "80x24 LANG=C"],
)
def test_each_pane_shows_its_information(launcher: AppLauncher, size: Size, environ: dict[str, str | None]) -> None:
    with launcher(size=size, environ=environ) as terminal:
        terminal.wait_for("Playground")
        for key, contents in PANES.items():
            terminal.press(key)
            for content in contents:
                terminal.wait_for(content.replace("×", "x") if environ.get("LANG") == "C" else content)
            terminal.wait_for(SYNTHETIC_NOTICE)
            assert "Traceback" not in terminal.text()
            terminal.press("f1")
            terminal.wait_for("close")
            terminal.press("escape")
            terminal.wait_gone("close")
        if environ.get("LANG") == "C":
            assert bytes(terminal.output).isascii()
        if environ.get("TERM") == "xterm-16color":
            codes = set(map(int, b";".join(re.findall(rb"\x1b\[([\d;]+)m", terminal.output)).split(b";")))
            assert codes - ATTRIBUTES <= SIXTEEN_COLOURS
            assert codes & SIXTEEN_COLOURS
        if "NO_COLOR" in environ:
            assert {colour for colour in terminal.colours() if not _is_grey(colour)} == set()
        terminal.press("q")
        assert terminal.exit_status() == 0


def _is_grey(colour: str) -> bool:
    return colour == "default" or (len(colour) == 6 and colour[:2] == colour[2:4] == colour[4:])
