"""A partial frame changes exactly the cells of its spans, in as few bytes as possible."""

import random

import pyte
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate
from textual.strip import Strip

from fashion_tui.tui.cropped_update import CroppedUpdate

WIDTH, HEIGHT = 60, 4
CONSOLE = Console(force_terminal=True, color_system="truecolor", width=WIDTH)


def random_line(generator: random.Random, letters: str) -> list[Strip]:
    """Return the strips of two adjacent widgets, 40 and 20 columns wide."""
    strips = []
    for width in (40, 20):
        segments, free = [], width
        while free:
            text = generator.choice(letters) * min(generator.randint(1, 9), max(free // 2, 1))
            segment = Segment(text, Style(bold=generator.random() < 0.5))
            if segment.cell_length <= free:
                segments.append(segment)
                free -= segment.cell_length
        strips.append(Strip(segments, width))
    return strips


def screen_of(*texts: str) -> list[str]:
    screen = pyte.Screen(WIDTH, HEIGHT)
    stream = pyte.Stream(screen)
    for text in texts:
        stream.feed(text)
    return screen.display


def update_of(lines: list[list[Strip]], spans: list[tuple[int, int, int]]) -> ChopsUpdate:
    chops = [{0: strips[0], 40: strips[1]} for strips in lines]
    return ChopsUpdate(chops, spans, [[40, WIDTH]] * HEIGHT)


def test_an_update_changes_the_cells_of_its_spans_and_no_others() -> None:
    generator = random.Random(0)
    for _ in range(200):
        old, new = ([random_line(generator, letters) for _ in range(HEIGHT)] for letters in ("ab", "xy"))
        start, middle, stop = sorted(generator.sample(range(WIDTH + 1), 3))
        row, other = generator.sample(range(HEIGHT), 2)
        spans = sorted([(row, start, middle), (row, middle, stop), (other, start, stop)])
        update = CroppedUpdate.of(update_of(new, spans)).render_segments(CONSOLE)
        whole = [(line, 0, WIDTH) for line in range(HEIGHT)]
        before, after = (screen_of(update_of(lines, whole).render_segments(CONSOLE)) for lines in (old, new))
        changed = {(y, x) for y, first, end in spans for x in range(first, end)}
        expected = [
            "".join(after[y][x] if (y, x) in changed else before[y][x] for x in range(WIDTH)) for y in range(HEIGHT)
        ]
        assert screen_of(update_of(old, whole).render_segments(CONSOLE), update) == expected


def test_wide_characters_are_written_whole() -> None:
    generator = random.Random(1)
    for _ in range(100):
        lines = [random_line(generator, "字x") for _ in range(HEIGHT)]
        start, stop = sorted(generator.sample(range(41), 2))
        if lines[1][0].crop(0, stop).text != lines[1][0].text[: len(lines[1][0].crop(0, stop).text)]:
            continue  # Textual cuts a wide character at the end of a span
        update = CroppedUpdate.of(update_of(lines, [(1, start, stop)])).render_segments(CONSOLE)
        whole = [(line, 0, WIDTH) for line in range(HEIGHT)]
        complete = update_of(lines, whole).render_segments(CONSOLE)
        assert screen_of(complete, update) == screen_of(complete)


def test_an_update_at_the_end_of_a_long_line_is_short() -> None:
    strips = [Strip([Segment("x" * 38), Segment("yz", Style(bold=True))]), Strip.blank(20)]
    update = update_of([strips] * HEIGHT, [(2, 39, 40)])
    assert CroppedUpdate.of(update).render_segments(CONSOLE) == "\x1b[3;40H\x1b[1mz\x1b[0m"
