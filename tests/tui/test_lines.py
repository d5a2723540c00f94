"""The `Lines` widget shows the last lines, and repaints only the cells that changed."""

import random

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.app import App, ComposeResult
from textual.strip import Strip

from fashion_tui.tui.widgets.chart import Chart, ChartData
from fashion_tui.tui.widgets.lines import Lines, changed_span


def test_changed_span_is_the_shortest_one_with_all_changes() -> None:
    generator = random.Random(0)
    styles = [Style.parse("red"), Style.parse("green")]
    for _ in range(300):
        old = [(generator.choice("ab字"), generator.choice(styles)) for _ in range(8)]
        new = [generator.choice([cell, (generator.choice("ab"), generator.choice(styles))]) for cell in old]
        strips = [Strip([Segment(*cell) for cell in cells]) for cells in (old, new)]
        cells = [
            [(char, style) for char, style in line for _ in range(2 if char == "字" else 1)] for line in (old, new)
        ]
        span = changed_span(*strips)
        if cells[0] == cells[1]:
            assert span is None
            continue
        assert span is not None
        if len(cells[0]) == len(cells[1]):
            differing = [x for x, (before, after) in enumerate(zip(*cells, strict=True)) if before != after]
            assert span == (differing[0], differing[-1] + 1)
        else:
            assert span[1] == max(map(len, cells))


class LinesApp(App[None]):
    CSS = "Lines { height: 6; } Chart { height: 10; }"

    def compose(self) -> ComposeResult:
        yield Lines()
        yield Chart("loss")

    def screen_text(self) -> list[str]:
        lines = self.screen._compositor.render_strips()
        return [strip.text.rstrip() for strip in lines]


async def test_screen_shows_the_last_lines() -> None:
    app = LinesApp()
    generator = random.Random(1)
    async with app.run_test(size=(30, 20)) as pilot:
        for _ in range(20):
            shown = [
                "".join(generator.choices("xy ", k=generator.randint(0, 30))) for _ in range(generator.randint(0, 6))
            ]
            app.query_one(Lines).show_lines([Text(line) for line in shown])
            await pilot.pause()
            expected = [line.rstrip() for line in shown] + [""] * (6 - len(shown))
            assert app.screen_text()[:6] == expected


async def test_chart_has_axes_at_any_size() -> None:
    app = LinesApp()
    async with app.run_test(size=(60, 20)) as pilot:
        chart = app.query_one(Chart)
        for width in (60, 30, 12, 5, 90):
            await pilot.resize_terminal(width, 20)
            chart.show(ChartData([1.0, 2.0, float("nan"), 4.0] * 40, 8))
            await pilot.pause()
            text = app.screen_text()[6:16]
            if width >= 30:
                assert text[0] == "loss"
                assert any(line.lstrip().startswith("4") for line in text)
                assert text[-1].split()[0] == "0"
