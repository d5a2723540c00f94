"""Figures in the transcript: drawn in the room there is, kept through a change of it, and read on any terminal."""

import re

import pytest
from textual.app import App, ComposeResult

from fashion_tui.kernel.outputs import Display, Stream
from fashion_tui.schema.plots import ImageGrid
from fashion_tui.tui.playground.transcript.scrollback import Scrollback
from fashion_tui.tui.playground.transcript.transcript import Transcript
from tests.terminal import Terminal
from tests.tui.apps import Apps
from tests.tui.pilots import screen_text

from .driver import Playground, playground


@pytest.fixture(autouse=True)
def colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the app that is driven without a terminal."""
    for name in ("NO_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


HALVES = re.compile("[▀▄█]")


def drawn(it: Playground) -> int:
    """Cells on the screen that show a picture."""
    return len(HALVES.findall(it.screen))


async def test_a_picture_stands_in_the_transcript_in_place_of_its_numbers() -> None:
    async with playground((100, 40)) as it:
        await it.run("image = train_data[0][0]; image", "Out[1]:", "float32 [1, 28, 28] in [0, 1]")
        assert drawn(it) > 50
        assert "tensor([[[" not in it.screen
        await it.run("show((image, 9))", "Ankle boot · float32 [1, 28, 28] in [0, 1]", "In [3]:")
        await it.run("show(torch.tensor([[1.5, -2], [0, 3]]))", "1.5", "−2", "float32 [2, 2]")
        await it.run("show(torch.tensor([0.25, 0.75]), ['cat', 'dog'])", "cat  0.25  ", "dog  0.75  ")


async def test_figures_survive_changes_of_the_size() -> None:
    async with playground((100, 30)) as it:
        await it.run("show(train_data)", "synthetic, training set · the first")
        assert drawn(it) > 100
        for size in ((60, 20), (120, 40), (80, 24)):
            await it.pilot.resize_terminal(*size)
            await it.sees("synthetic, training set · the first", "In [2]:")
            assert drawn(it) > 100
        await it.run("show(torch.rand(60, 200)); print('after')", "after")
        await it.pilot.press("pageup", "pageup", "pageup")
        assert "after" not in it.screen
        await it.pilot.press("pagedown", "pagedown", "pagedown")
        await it.sees("after")


class Reading(App[None]):
    """A transcript by itself."""

    CSS = "Transcript { max-height: 100%; }"

    def __init__(self) -> None:
        super().__init__()
        self.record = Scrollback()

    def compose(self) -> ComposeResult:
        yield Transcript(self.record)


def text_of(app: Reading) -> str:
    """What is read, without the scrollbar."""
    return "\n".join(line[:70].rstrip() for line in screen_text(app).split("\n"))


async def test_the_place_that_one_reads_stays_when_older_figures_go() -> None:
    picture = ImageGrid(count=1, height=160, width=160, channels=3, pixels=bytes(76_800), total=1, caption="a picture")
    app = Reading()
    async with app.run_test(size=(80, 24)) as pilot:
        transcript = app.query_one(Transcript)

        async def add(first: int, last: int) -> None:
            for number in range(first, last):
                app.record.add(Stream("stdout", f"<{number}>\n"))
                app.record.add(Display("", picture))
            transcript.show_record()
            await pilot.pause()

        await add(0, 100)
        assert app.record.faded == 0
        rows = transcript.virtual_size.height // 100  # of a figure and the line before it
        transcript.scroll_to(y=70 * rows - 3, animate=False)
        await pilot.pause()
        read = text_of(app)
        assert "<70>" in read
        await add(100, 130)
        assert app.record.faded == 21
        assert transcript.virtual_size.height == 109 * rows + 21 * 2
        assert text_of(app) == read
        await add(130, 230)  # what is read is let go too
        assert app.record.faded == 121
        assert "no longer kept" in text_of(app)


@pytest.fixture
def shown(app_terminal: Apps, request: pytest.FixtureRequest) -> Terminal:
    """A terminal of some kind on which a garment, a matrix and a vector are shown."""
    terminal = app_terminal(size=(100, 50), environ=request.param)
    terminal.wait_for("In [1]")
    terminal.type("show(train_data[0]); show(torch.tensor([[0.5, -2], [0, 1]])); show(torch.linspace(-1, 1, 30))")
    terminal.press("enter")
    terminal.wait_for("In [2]")
    terminal.wait_for("float32 [30]")
    return terminal


NO_COLOURS = {"TERM": "xterm-16color", "COLORTERM": None}


@pytest.mark.parametrize("shown", [{"TERM": "xterm-256color", "COLORTERM": None}], indirect=True)
def test_in_256_colours(shown: Terminal) -> None:
    assert shown.text().count("▄") + shown.text().count("▀") > 50
    sent = bytes(shown.sent)
    assert b"48;2;" not in sent
    assert len(set(re.findall(rb"48;5;(?:23[2-9]|24\d|25[0-5])", sent))) > 10  # greys of the garment
    assert "−2" in shown.text()


@pytest.mark.parametrize(
    "shown", [NO_COLOURS, {"NO_COLOR": "1"}, {"LANG": "C"}], ids=["16 colours", "NO_COLOR", "LANG=C"], indirect=True
)
def test_where_there_are_no_greys_characters_show_the_same(shown: Terminal, request: pytest.FixtureRequest) -> None:
    screen = shown.text()
    garment, _ = screen.split("float32 [1, 28, 28] in [0, 1]")
    assert not re.search("[▀▄]", garment)
    assert len(re.findall(r"[.:=+*#%@-]{5,}", garment)) > 5
    for number in ("0.5", "2", "1"):
        assert re.search(rf"[ −-]{number} ", screen)
    if "LANG" in request.node.name:
        assert "−" not in screen
        assert "#####" in screen
    shown.press("ctrl+q")
    assert shown.exit_status() == 0
