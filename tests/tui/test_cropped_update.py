"""A partial frame changes exactly the cells of its spans, in as few bytes as possible."""

import random

import pyte
from rich.console import COLOR_SYSTEMS, Console
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


def test_styles_are_those_of_the_segments() -> None:
    generator = random.Random(2)
    colors, flags = (None, "red", "bright_blue", "color(200)", "#123456", "default"), (None, False, True)
    for name, system in COLOR_SYSTEMS.items():
        console = Console(force_terminal=True, color_system=name, width=WIDTH)  # type: ignore[arg-type]
        segments = []
        for index in range(WIDTH):
            color, background = generator.choice(colors), generator.choice(colors)
            bold, italic, reverse = (generator.choice(flags) for _ in range(3))
            style = Style(color=color, bgcolor=background, bold=bold, italic=italic, reverse=reverse)
            segments.append(Segment(chr(ord("a") + index % 26), style if generator.random() < 0.9 else None))
        chops = [{0: Strip(segments)}] * HEIGHT
        output = CroppedUpdate(chops, [(0, 0, 30), (2, 5, 60)], [[WIDTH]] * HEIGHT).render_segments(console)
        screen = pyte.Screen(WIDTH, HEIGHT)
        pyte.Stream(screen).feed(output + "\x1b[4;1Hz")
        expected = pyte.Screen(WIDTH, HEIGHT)
        whole = "".join(
            segment.text if segment.style is None else segment.style.render(segment.text, color_system=system)
            for segment in segments
        )
        pyte.Stream(expected).feed(whole)
        assert [screen.buffer[0][x] for x in range(30)] == [expected.buffer[0][x] for x in range(30)]
        assert [screen.buffer[2][x] for x in range(5, 60)] == [expected.buffer[0][x] for x in range(5, 60)]
        assert screen.buffer[3][0] == screen.default_char._replace(data="z"), "the frame ends in the default style"


def test_a_style_is_not_repeated() -> None:
    one, two = Style(color="#010203", bgcolor="#0a0b0c"), Style(color="#040506", bgcolor="#0a0b0c")
    strips = [Strip([Segment("a", one), Segment("b", one), Segment("c", two)], 3), Strip.blank(57)]
    update = ChopsUpdate([{0: strips[0], 3: strips[1]}] * HEIGHT, [(0, 0, 3), (1, 2, 3)], [[3, WIDTH]] * HEIGHT)
    assert CroppedUpdate.of(update).render_segments(CONSOLE) == (
        "\x1b[1;1H\x1b[38;2;1;2;3;48;2;10;11;12mab\x1b[38;2;4;5;6mc\x1b[2;3Hc\x1b[0m"
    )


def test_links_are_kept() -> None:
    link = Style(link="https://pytorch.org", bold=True)
    strips = [Strip([Segment("a", Style(bold=True)), Segment("link", link), Segment("b")]), Strip.blank(20)]
    update = update_of([strips] * HEIGHT, [(0, 0, 6)])
    output = CroppedUpdate.of(update).render_segments(CONSOLE)
    assert output == f"\x1b[1;1H\x1b[1ma\x1b[0m{link.render('link')}b"


def test_an_update_at_the_end_of_a_long_line_is_short() -> None:
    strips = [Strip([Segment("x" * 38), Segment("yz", Style(bold=True))]), Strip.blank(20)]
    update = update_of([strips] * HEIGHT, [(2, 39, 40)])
    assert CroppedUpdate.of(update).render_segments(CONSOLE) == "\x1b[3;40H\x1b[1mz\x1b[0m"
