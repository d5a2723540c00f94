"""Images in real pixels: which terminals get them, and what the sequences draw."""

import base64
import fcntl
import io
import re
import signal
import struct
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from fashion_tui.report.pictures import blend, overlay
from fashion_tui.schema.picture import Picture
from fashion_tui.settings import Images
from fashion_tui.tui.graphics.detection import Protocol, graphics_protocol
from fashion_tui.tui.graphics.encoding import encode
from tests.terminal import TIMEOUT, Terminal
from tests.tui.apps import AppLauncher
from tests.tui.image_app import image

Array = npt.NDArray[np.uint8]

CELL = (16, 8)
"""Height and width of the test terminal's cells, in pixels."""


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"TERM": "xterm-256color"}, None),
        ({"TERM": "xterm-kitty"}, Protocol.KITTY),
        ({"TERM": "xterm-ghostty"}, Protocol.KITTY),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, Protocol.KITTY),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, None),
        ({"KONSOLE_VERSION": "220400"}, Protocol.KITTY),
        ({"KONSOLE_VERSION": "211203"}, None),
        ({"TERM": "foot-extra"}, Protocol.SIXEL),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/tmux,1,0"}, None),
        ({"TERM": "xterm-kitty", "STY": "1.screen"}, None),
        ({"TERM": "xterm-kitty", "ZELLIJ": "0"}, None),
        ({"TERM": "tmux-256color", "TERM_PROGRAM": "ghostty"}, None),
    ],
)
def test_pixels_are_drawn_only_by_terminals_that_are_known_to(
    environ: dict[str, str], expected: Protocol | None
) -> None:
    assert graphics_protocol(environ, "auto") is expected


@pytest.mark.parametrize(("setting", "expected"), [("blocks", None), ("sixel", Protocol.SIXEL)])
def test_setting_overrides_the_terminal_but_not_tmux(setting: Images, expected: Protocol | None) -> None:
    assert graphics_protocol({"TERM": "xterm-kitty"}, setting) is expected
    assert graphics_protocol({"TERM": "xterm-kitty", "TMUX": "/tmp/tmux,1,0"}, setting) is None


def decode_kitty(data: bytes) -> Array:
    """Return the pixels of the image that a sequence of the Kitty protocol draws: `[H, W]` or `[H, W, 3]`."""
    commands = re.findall(rb"\x1b_G([^;\x1b]*);([^\x1b]*)\x1b\\", data)
    keys = dict(pair.split(b"=") for pair in commands[0][0].split(b","))
    assert (keys[b"a"], keys[b"f"], keys[b"q"]) == (b"T", b"100", b"2")
    assert [options.split(b"m=")[1] for options, _ in commands] == [b"1"] * (len(commands) - 1) + [b"0"]
    assert all(len(chunk) <= 4096 for _, chunk in commands)
    png = base64.b64decode(b"".join(chunk for _, chunk in commands), validate=True)
    return np.asarray(Image.open(io.BytesIO(png)))


def decode_sixel(data: bytes) -> Array:
    """Return the pixels of the image that a sixel sequence draws, `[H, W, 3]`."""
    match = re.search(rb'\x1bP[\d;]*q"1;1;(\d+);(\d+)([^\x1b]*)\x1b\\', data)
    assert match is not None
    width, height = int(match[1]), int(match[2])
    pixels = np.full((height + 5, width, 3), -1)
    palette: dict[int, list[int]] = {}
    colour = x = top = 0
    for token in re.finditer(rb"#(\d+)(?:;2;(\d+);(\d+);(\d+))?|(?:!(\d+))?([?-~])|([$-])", match[3]):
        if token[2]:
            palette[int(token[1])] = [round(int(share) * 255 / 100) for share in token.group(2, 3, 4)]
        elif token[1]:
            colour = int(token[1])
        elif token[6]:
            count, bits = int(token[5] or 1), token[6][0] - 63
            for row in range(6):
                if bits >> row & 1:
                    pixels[top + row, x : x + count] = palette[colour]
            x += count
        else:
            x, top = 0, top + 6 * (token[7] == b"-")
    assert (pixels[height:] == -1).all(), "pixels below the image"
    assert (pixels[:height] >= 0).all(), "pixels without a colour"
    return pixels[:height].astype(np.uint8)


DECODERS: dict[Protocol, Callable[[bytes], Array]] = {Protocol.KITTY: decode_kitty, Protocol.SIXEL: decode_sixel}
MAX_ERROR = {Protocol.KITTY: 0, Protocol.SIXEL: 2}
"""Sixel colours are percentages, so they differ by up to 1.3 from the original."""


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize(("side", "size"), [(64, (64, 64)), (32, (96, 96)), (256, (128, 128))])
def test_sequence_draws_the_image(protocol: Protocol, side: int, size: tuple[int, int]) -> None:
    drawn = DECODERS[protocol](encode(image(side), size, protocol).encode())
    expected = np.frombuffer(image(size[0]).pixels, np.uint8).reshape(3, *size).transpose(1, 2, 0)
    assert drawn.shape == expected.shape
    assert np.abs(drawn.astype(int) - expected).max() <= MAX_ERROR[protocol]


def test_grey_image_with_a_height_that_is_no_multiple_of_six() -> None:
    pixels = np.arange(40 * 50, dtype=np.uint32).reshape(40, 50) % 201
    picture = Picture(pixels.astype(np.uint8).tobytes(), (1, 40, 50))
    assert (decode_kitty(encode(picture, (40, 50), Protocol.KITTY).encode()) == pixels).all()
    drawn = decode_sixel(encode(picture, (40, 50), Protocol.SIXEL).encode()).astype(int)
    assert np.abs(drawn - pixels[..., None]).max() <= MAX_ERROR[Protocol.SIXEL]


def test_heat_map_is_drawn_over_the_image() -> None:
    picture = overlay(image(16), [x / 15 for _ in range(16) for x in range(16)])
    drawn = decode_kitty(encode(picture, (16, 16), Protocol.KITTY).encode())
    assert (drawn.transpose(2, 0, 1) == np.frombuffer(blend(picture).pixels, np.uint8).reshape(3, 16, 16)).all()


class PixelTerminal(Terminal):
    """A terminal that reports the size of its cells in pixels."""

    def _set_size(self, size: tuple[int, int]) -> None:
        pixels = size[0] * CELL[1], size[1] * CELL[0]
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], *pixels))

    def wait_for_image(self, start: int = 0) -> bytes:
        """Wait until an image has been sent and drawn completely, and return the output after `start`."""
        return self.wait_for_match(rb"\x1b(_Ga=T|P[\d;]*q)[^\0]*?\x1b\\\x1b8", start)

    def wait_for_match(self, pattern: bytes, start: int = 0) -> bytes:
        """Wait until the output after `start` matches a pattern, and return this output."""
        with self.changed:
            found = self.changed.wait_for(lambda: re.search(pattern, self.output[start:]), TIMEOUT)
            assert found, bytes(self.output[start:])
            return bytes(self.output[start:])


@contextmanager
def image_app(folder: Path, **environ: str) -> Iterator[PixelTerminal]:
    launcher = AppLauncher(folder)
    variables = launcher.environ | environ | {"PYTHONPATH": str(Path.cwd())}
    with PixelTerminal((sys.executable, "-m", "tests.tui.image_app"), variables, (80, 24)) as terminal:
        yield terminal
        terminal.press("q")
        assert terminal.exit_status() == 0


def test_kitty_image_is_replaced_and_removed(tmp_path: Path) -> None:
    with image_app(tmp_path, TERM="xterm-kitty") as terminal:
        output = terminal.wait_for_image()
        assert decode_kitty(output).shape == (256, 256, 3)  # 33×22 cells have 352×264 pixels
        position = re.search(rb"\x1b7\x1b\[(\d+);(\d+)H\x1b_Ga=T", output)
        assert position is not None
        before = output[: position.start()]
        assert b"image of 256 pixels" in before
        assert before.count(b"\x1b[?2026h") == before.count(b"\x1b[?2026l"), "the image is drawn within a frame"
        start = len(terminal.output)
        terminal.press("right")
        output = terminal.wait_for_image(start)
        assert decode_kitty(output).shape == (200, 200, 3)
        assert output.index(b"_Ga=d") < output.index(b"_Ga=T")
        start = len(terminal.output)
        terminal.press("right")
        output = terminal.wait_for_match(
            rb"_Ga=d[^\0]*38;2;17;238;51;|38;2;17;238;51;[^\0]*_Ga=d", start
        )  # second square
        assert b"_Ga=T" not in output  # blocks show all pixels of an image of 32×32 pixels
        start = len(terminal.output)
        terminal.press("left")
        terminal.wait_for_image(start)
        start = len(terminal.output)
        terminal.press("escape")
        terminal.wait_for_match(b"_Ga=d", start)


@pytest.mark.parametrize(("term", "decode"), [("foot", decode_sixel), ("xterm-kitty", decode_kitty)])
def test_image_is_drawn_again_after_the_screen_was_repainted(
    tmp_path: Path, term: str, decode: Callable[[bytes], Array]
) -> None:
    with image_app(tmp_path, TERM=term) as terminal:
        first = decode(terminal.wait_for_image())
        assert first.shape == (256, 256, 3)
        terminal.wait_until_quiet(0.5, TIMEOUT)
        start = len(terminal.output)
        terminal.send_signal(signal.SIGCONT)  # the app leaves and enters application mode
        assert (decode(terminal.wait_for_image(start)) == first).all()
        terminal.wait_until_quiet(0.5, TIMEOUT)
        start = len(terminal.output)
        terminal.send_signal(signal.SIGWINCH)  # the app repaints the whole screen
        if decode is decode_kitty:
            output = terminal.wait_for_match(rb"\x1b_Ga=p,[^\0]*?\x1b\\\x1b8", start)
            assert output.count(b"\x1b_G") == output.count(b"\x1b_Ga=p,"), "the terminal already has the image"
        else:
            assert (decode(terminal.wait_for_image(start)) == first).all()
        terminal.press("escape")


@pytest.mark.parametrize(
    "environ",
    [{"TERM": "xterm-kitty", "TMUX": "/tmp/none,1,0"}, {"TERM": "xterm-kitty", "NO_COLOR": "1"}],
    ids=["tmux", "NO_COLOR"],
)
def test_without_pixels_a_large_image_has_blocks_or_characters(tmp_path: Path, environ: dict[str, str]) -> None:
    with image_app(tmp_path, **environ) as terminal:
        terminal.wait_for("image of 256 pixels")
        screen = terminal.settle()
        assert re.search("[▀▄█▌▐]" if "TMUX" in environ else "[*+#=]{10}", screen)
        assert b"\x1b_G" not in terminal.output
        assert b"\x1bP" not in terminal.output
        terminal.press("escape")
