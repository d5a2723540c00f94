"""The `Lines` widget shows the last lines, and repaints only the cells that changed."""

import random
from itertools import pairwise

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.app import App, ComposeResult
from textual.strip import Strip

from fashion_tui.report.charts.chart import Chart, ChartRun, EpochValue
from fashion_tui.tui.widgets.chart import ChartView
from fashion_tui.tui.widgets.lines import MIN_UNCHANGED, Lines, changed_spans
from fashion_tui.tui.widgets.view_names import title_and_views


def test_all_view_names_are_beside_a_title_only_if_they_fit() -> None:
    title, names = Text("guide-a1b2"), ("changes", "images", "confusions")
    needed = len("guide-a1b2" + "  " + "changes  images  confusions")
    line = title_and_views(title, names, 1, needed)
    assert line.plain == "guide-a1b2  changes  images  confusions"
    highlighted = [line.plain[span.start : span.end] for span in line.spans if "underline" in str(span.style)]
    assert highlighted == ["images"]
    narrower = title_and_views(title, names, 1, needed - 1).plain
    assert narrower.split() == ["guide-a1b2", "images", "2/3"]
    assert len(narrower) == needed - 1


def test_changed_spans_cover_all_changes_and_few_other_cells() -> None:
    generator = random.Random(0)
    styles = [Style.parse("red"), Style.parse("green")]
    for _ in range(300):
        old = [(generator.choice("ab字"), generator.choice(styles)) for _ in range(60)]
        new = [(generator.choice("ab"), cell[1]) if generator.random() < 0.05 else cell for cell in old]
        new += old[:2] if generator.random() < 0.2 else []
        strips = [Strip([Segment(*cell) for cell in cells]) for cells in (old, new)]
        cells = [
            [(char, style) for char, style in line for _ in range(2 if char == "字" else 1)] for line in (old, new)
        ]
        width = max(map(len, cells))
        padded = [[*line, *[("", None)] * (width - len(line))] for line in cells]
        differing = {x for x in range(width) if padded[0][x] != padded[1][x]}
        spans = changed_spans(*strips)
        covered = {x for start, end in spans for x in range(start, end)}
        assert differing <= covered
        assert all({start, end - 1} <= differing for start, end in spans)
        gaps = [later[0] - earlier[1] for earlier, later in pairwise(spans)]
        assert all(gap >= MIN_UNCHANGED for gap in gaps)
        assert len(covered - differing) <= MIN_UNCHANGED * len(differing)


class LinesApp(App[None]):
    CSS = "#lines { height: 6; } ChartView { height: 10; }"

    def compose(self) -> ComposeResult:
        yield Lines(id="lines")
        yield ChartView(Chart("loss"))

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
            app.query_one("#lines", Lines).show_lines([Text(line) for line in shown])
            await pilot.pause()
            expected = [line.rstrip() for line in shown] + [""] * (6 - len(shown))
            assert app.screen_text()[:6] == expected


async def test_lines_are_repainted_if_only_their_style_or_the_width_changes() -> None:
    app = LinesApp()
    async with app.run_test(size=(30, 20)) as pilot:
        lines = app.query_one("#lines", Lines)
        line = Text("abcdef")
        for style, start, stop in (("#ff0000", 1, 3), ("#00ff00", 1, 3), ("#0000ff", 0, 6)):
            line.stylize(style, start, stop)
            lines.show_lines([line, Text("same")])
            await pilot.pause()
            shown = [str(one) for text, one, _ in app.screen._compositor.render_strips()[0] for _ in text]
            assert all(shown[x].startswith(f"{style} on ") for x in range(start, stop))
        for width in (30, 40):
            await pilot.resize_terminal(width, 20)
            lines.show_lines([Text("x" * 40), Text("same")])
            await pilot.pause()
            assert app.screen_text()[:2] == ["x" * width, "same"]


async def test_chart_has_axes_at_any_size() -> None:
    app = LinesApp()
    values = tuple(EpochValue(epoch, epoch * 100, 1.0 + epoch % 4) for epoch in range(1, 30))
    async with app.run_test(size=(60, 20)) as pilot:
        view = app.query_one(ChartView)
        for width in (60, 30, 12, 5, 90):
            await pilot.resize_terminal(width, 20)
            view.show(Chart("loss", (ChartRun("run", per_epoch=values[:width], ended=True),)))
            await pilot.pause()
            text = app.screen_text()[6:16]
            if width >= 30:
                assert text[0].startswith("loss · validation")
                assert any(line.lstrip().startswith("4") for line in text)
                assert text[-1].split()[0] == "0"
