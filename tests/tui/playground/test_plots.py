"""Plots in the transcript fit its width, are redrawn after resizing, and are readable on any terminal."""

import re

import pytest

from tests.terminal import Terminal
from tests.tui.apps import AppLauncher, quit_app

from .driver import Playground, open_playground


@pytest.fixture(autouse=True)
def colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the app use 256 colours, although it runs without a terminal."""
    for name in ("NO_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


HALF_BLOCKS = re.compile("[▀▄█]")


def count_half_blocks(playground: Playground) -> int:
    """Return the number of screen cells that show part of an image."""
    return len(HALF_BLOCKS.findall(playground.screen))


async def test_image_is_drawn_instead_of_its_numbers() -> None:
    async with open_playground((100, 40)) as playground:
        await playground.run("image = train_data[0][0]; image", "Out[1]:", "float32 [1, 28, 28] in [0, 1]")
        assert count_half_blocks(playground) > 50
        assert "tensor([[[" not in playground.screen
        await playground.run("show((image, 9))", "Ankle boot · float32 [1, 28, 28] in [0, 1]", "In [3]:")
        await playground.run("show(torch.tensor([[1.5, -2], [0, 3]]))", "1.5", "−2", "float32 [2, 2]")
        await playground.run("show(torch.tensor([0.25, 0.75]), ['cat', 'dog'])", "cat  0.25  ", "dog  0.75  ")


async def test_plots_are_redrawn_after_resizing() -> None:
    async with open_playground((100, 30)) as playground:
        await playground.run("show(train_data)", "synthetic, training set · the first")
        assert count_half_blocks(playground) > 100
        for size in ((60, 20), (120, 40), (80, 24)):
            await playground.pilot.resize_terminal(*size)
            await playground.wait_for("synthetic, training set · the first", "In [2]:")
            assert count_half_blocks(playground) > 100
        await playground.run("show(torch.rand(60, 200)); print('af' + 'ter')", "after")
        await playground.pilot.press("pageup", "pageup", "pageup")
        assert "after" not in playground.screen
        await playground.pilot.press("pagedown", "pagedown", "pagedown")
        await playground.wait_for("after")


@pytest.fixture
def plots(app_terminal: AppLauncher, request: pytest.FixtureRequest) -> Terminal:
    """A terminal that shows an image, a matrix and a vector."""
    terminal = app_terminal(size=(100, 50), environ=request.param)
    terminal.wait_for("In [1]")
    terminal.type("show(train_data[0]); show(torch.tensor([[0.5, -2], [0, 1]])); show(torch.linspace(-1, 1, 30))")
    terminal.press("enter")
    captions = ("float32 [1, 28, 28] in [0, 1]", "float32 [2, 2]", "float32 [30]")
    terminal.wait_until(lambda screen: all(caption in screen for caption in captions), "three plots")
    return terminal


SIXTEEN_COLOURS = {"TERM": "xterm-16color", "COLORTERM": None}


@pytest.mark.parametrize("plots", [{"TERM": "xterm-256color", "COLORTERM": None}], indirect=True)
def test_in_256_colours(plots: Terminal) -> None:
    assert plots.text().count("▄") + plots.text().count("▀") > 50
    sent = bytes(plots.output)
    assert b"48;2;" not in sent
    assert len(set(re.findall(rb"48;5;(?:23[2-9]|24\d|25[0-5])", sent))) > 10  # greys of the image
    assert "−2" in plots.text()


@pytest.mark.parametrize(
    "plots",
    [SIXTEEN_COLOURS, {"NO_COLOR": "1"}, {"LANG": "C"}],
    ids=["16 colours", "NO_COLOR", "LANG=C"],
    indirect=True,
)
def test_image_is_drawn_with_characters_if_there_are_no_greys(plots: Terminal, request: pytest.FixtureRequest) -> None:
    screen = plots.text()
    image, _ = screen.split("float32 [1, 28, 28] in [0, 1]")
    assert len(re.findall("[▀▄]", image)) <= 2  # the scroll bar may begin and end with one; an image has more than 50
    assert len(re.findall(r"[.:=+*#%@-]{5,}", image)) > 5
    for number in ("0.5", "2", "1"):
        assert re.search(rf"[ −-]{number} ", screen)
    if "LANG" in request.node.name:
        assert "−" not in screen
        assert "#####" in screen
    quit_app(plots)
