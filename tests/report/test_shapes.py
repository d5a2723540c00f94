"""The shape table, compared with golden files. Set UPDATE_GOLDEN=1 to rewrite them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace
from rich.cells import cell_len
from rich.console import Console, RenderableType
from torch import Tensor, nn

from fashion_tui.lab.trace import trace
from fashion_tui.report.glyphs import ASCII, UNICODE
from fashion_tui.report.shape_report import shape_report
from fashion_tui.report.shape_strip import shape_strip
from fashion_tui.report.shapes import shape_lines, shape_notes, visible_rows
from fashion_tui.report.style import ACCENT, BAD, MUTED
from fashion_tui.schema.inputs import InputSpec
from fashion_tui.schema.shapes import Fix, NotUsed, Remark, ShapeRow, ShapeTable
from fashion_tui.tui.model.row_details import row_lines
from fashion_tui.tui.widgets.large_number import large_number
from tests.lab.networks import FunctionNet, Guide, Residual

GOLDEN = Path(__file__).parent / "golden"
INPUTS = (InputSpec(shape=(3,), dtype="float32"),)


@pytest.fixture(scope="module")
def guide() -> ShapeTable:
    return trace(Guide(), (1, 28, 28), name="guide")


@pytest.fixture(scope="module")
def nested() -> ShapeTable:
    stem = nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False)
    stem.requires_grad_(False)
    block = Residual(16)
    model = FunctionNet(
        lambda self, x: self.head(self.body(self.stem(x)).mean((2, 3))),
        stem=stem,
        body=nn.Sequential(block, block, nn.AvgPool2d(2)),
        head=nn.Linear(16, 10),
        spare=nn.Linear(4, 4),
    )
    return trace(model, (3, 32, 32), name="nested")


def printed(renderable: RenderableType, width: int) -> str:
    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def check(name: str, text: str) -> None:
    path = GOLDEN / f"{name}.txt"
    text = "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_the_guides_network(guide: ShapeTable, width: int) -> None:
    check(f"guide-{width}", printed(shape_report(guide, glyphs=UNICODE), width))


def test_the_guides_network_in_ascii(guide: ShapeTable) -> None:
    text = printed(shape_report(guide, glyphs=ASCII), 100)
    assert text.isascii()
    check("guide-ascii-100", text)


@pytest.mark.parametrize("width", [80, 120])
def test_nested_shared_frozen_and_unused_layers(nested: ShapeTable, width: int) -> None:
    check(f"nested-{width}", printed(shape_report(nested, glyphs=UNICODE), width))


def test_the_outermost_rows_only(nested: ShapeTable) -> None:
    check("nested-depth-1", printed(shape_report(nested, depth=1, glyphs=UNICODE), 100))


@pytest.mark.parametrize("width", [80, 120])
def test_a_network_that_fails(width: int) -> None:
    table = trace(Guide(pooling=4, features=180), (1, 28, 28), name="broken")
    assert table.error_file is not None
    check(f"broken-{width}", printed(shape_report(table, glyphs=UNICODE), width))


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
@pytest.mark.parametrize("width", [24, 40, 57, 80, 99, 120, 200])
def test_no_line_is_wider_than_the_width(nested: ShapeTable, width: int, glyphs: object) -> None:
    lines = shape_lines(nested, width=width, glyphs=glyphs)  # type: ignore[arg-type]
    assert max(cell_len(line.plain) for line in (*lines.header, *lines.rows, *lines.footer)) <= width
    assert shape_strip(nested, width=width, glyphs=glyphs).cell_len <= width  # type: ignore[arg-type]


def test_requested_columns_and_depth(nested: ShapeTable) -> None:
    columns = ("step", "output", "memory", "dtype", "trainable")
    text = printed(shape_report(nested, depth=1, columns=columns, glyphs=UNICODE), 100)
    table = text.splitlines()[2:]
    assert table[0].split() == list(columns)
    assert [line.split()[0] for line in table[2:6]] == ["stem", "body", "mean", "head"]
    assert table[2].split() == ["stem", "16×16×16", "16", "KiB", "float32", "no"]  # 4 bytes per value; not trainable
    assert table[5].split() == ["head", "10", "40", "bytes", "float32", "yes"]


def test_the_receptive_field_is_a_column_on_request_and_a_line_of_the_details(guide: ShapeTable) -> None:
    lines = shape_lines(guide, width=100, columns=("step", "field"), glyphs=UNICODE)
    fields = ["5×5", "5×5", "6×6", "14×14", "14×14", "16×16", "16×16", *["28×28"] * 3]
    assert [line.plain.split()[-1] for line in lines.rows] == fields
    assert "field" not in shape_lines(guide, width=200, glyphs=UNICODE).header[0].plain
    details = row_lines(guide, guide.rows[3], (), (90, 9), UNICODE)
    assert any("receptive field 14×14 of 28×28" in line.plain for line in details)
    assert any(
        "receptive field the whole input" in line.plain
        for line in row_lines(guide, guide.rows[9], (), (50, 9), UNICODE)
    )


def timed(guide: ShapeTable) -> ShapeTable:
    """Return the table with forward times of 1, 2, 3, … ms, and backward times of 0, 30, 60, … ms."""
    rows = [
        replace(row, forward_seconds=(index + 1) / 1000, backward_seconds=index * 0.03)
        for index, row in enumerate(guide.rows)
    ]
    return replace(guide, rows=tuple(rows), timed_on="cpu", timed_batch=32)


def test_forward_and_backward_times_have_their_own_columns_totals_and_shares(guide: ShapeTable) -> None:
    lines = shape_lines(timed(guide), width=100, columns=("step", "forward", "backward", "share"), glyphs=ASCII)
    cells = [line.plain.split() for line in (*lines.header[:1], *lines.rows, lines.footer[-1])]
    assert cells[0] == ["step", "forward", "backward", "share", "of", "time"]
    assert cells[1][:4] == ["conv1", "1.00", "ms", "-"], "a time of 0 wasn't measured"
    assert cells[3][:5] == ["max_pool2d", "3.00", "ms", "60.0", "ms"]
    assert cells[-1] == ["total", "55.0", "ms", "1.35", "s"]
    # The last row takes 280 of 1,405 ms, the row before it 249 ms.
    assert [len(cells[index][-1]) for index in (10, 9)] == [round(20 * 280 / 1405), round(20 * 249 / 1405)]


def test_the_details_of_a_row_show_both_times_and_their_share(guide: ShapeTable) -> None:
    table = timed(guide)
    lines = [line.plain.split() for line in row_lines(table, table.rows[3], (), (120, 8), ASCII)]
    (costs,) = (line for line in lines if line[0] == "time")
    assert costs[1:5] == ["94.0", "ms", "6.7", "%"]
    assert " ".join(costs[6:]) == "forward 4.00 ms, backward 90.0 ms"
    (costs,) = (line for line in lines if line[0] == "params")
    assert costs[1:4] == ["6,020", "2.9", "%"]
    (costs,) = (line for line in lines if line[0] == "MACs")
    assert costs[1:4] == ["1,176,000", "73.1", "%"]


def test_the_large_shape_of_a_row_without_arithmetic_is_complete(nested: ShapeTable) -> None:
    lines = row_lines(nested, nested.rows[6], (), (120, 13), UNICODE)
    digits = large_number("16×16×16", UNICODE)
    assert [line.plain[: len(digits[0])] for line in lines[1 : 1 + len(digits)]] == [*digits]


def test_folded_modules(nested: ShapeTable) -> None:
    paths = [nested.rows[index].path for index in visible_rows(nested, folded={"body"})]
    assert paths == ["stem", "body", "mean", "head"]
    paths = [nested.rows[index].path for index in visible_rows(nested, folded={"body.0"})]
    assert paths == ["stem", "body", "body.0", "body.0", "body.2", "mean", "head"]
    lines = shape_lines(nested, width=100, folded={"body"}, glyphs=UNICODE)
    assert [line.plain.split()[1] for line in lines.rows] == ["stem", "body", "mean", "head"]
    unfolded = shape_lines(nested, width=100, glyphs=UNICODE)
    bars = {line.plain.split()[1]: line.plain.rstrip()[-1] in UNICODE.eighths for line in lines.rows}
    assert bars["body"], "a folded module includes its children"
    assert unfolded.rows[1].plain.split()[1] == "body"
    assert unfolded.rows[1].plain.rstrip()[-1] not in UNICODE.eighths, "an unfolded one doesn't count twice"


def test_a_table_has_few_colours(guide: ShapeTable) -> None:
    lines = shape_lines(guide, width=120, glyphs=UNICODE)
    styles = {str(span.style) for line in [*lines.header, *lines.rows, *lines.footer] for span in line.spans}
    assert len(styles - {""}) <= 3
    assert {ACCENT, MUTED} <= styles
    assert BAD not in styles


def test_foreign_strings_are_shown_without_markup_or_control_characters() -> None:
    row = ShapeRow(
        name="[red]evil[/]\x1b[31m\n", path="", depth=0, op="[bold]Op", is_module=True, has_children=False,
        inputs=((3,),), sources=(-1,), outputs=((3,),), settings="[link]", params=0, own_params=0, trainable=False,
        reused=False, macs=0, activation_bytes=0, dtype="float32",
    )  # fmt: skip
    table = ShapeTable(
        model="x", inputs=INPUTS, outputs=((3,),), rows=(row,), total_params=0, trainable_params=0, total_macs=0,
        fix=Fix(1, "no", "[red]no[/red]\x1b]0;title\x07"), remarks=(Remark(None, "[blink]"),), unused=("[b]",),
    )  # fmt: skip
    text = printed(shape_report(table, glyphs=UNICODE), 100)
    assert "\x1b" not in text
    assert "\x07" not in text
    for string in ("[red]evil[/]\ufffd[31m", "[bold]Op", "[link]", "[red]no[/red]", "[blink]", "[b]"):
        assert string in text


def test_a_network_without_rows_or_parameters() -> None:
    table = trace(FunctionNet(lambda _, x: x), (3, 4))
    assert table.rows == ()
    assert printed(shape_report(table, glyphs=UNICODE), 80).splitlines()[0].rstrip() == "3×4"
    assert shape_notes(table, glyphs=UNICODE).plain.startswith("no parameters")


def test_scalars_and_several_tensors() -> None:
    table = trace(FunctionNet(lambda _, x, y: (x + y).mean()), ((3, 4), (3, 4)))
    rows = [line.plain for line in shape_lines(table, width=100, glyphs=UNICODE).rows]
    assert "3×4 +1" in rows[0]
    assert "scalar" in rows[1]


def test_reports_do_not_import_torch() -> None:
    code = (
        "import fashion_tui.report.shape_report, sys; sys.exit(bool({'torch', 'fashion_tui.lab'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_table_can_be_encoded_and_decoded(guide: ShapeTable) -> None:
    import msgspec  # noqa: PLC0415

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(guide), type=ShapeTable) == guide
    assert torch.Size not in {type(shape) for row in guide.rows for shape in row.outputs}


def test_notes_and_totals_of_unknown_and_partly_used_networks() -> None:
    row = ShapeRow(
        name="op", path="op", depth=0, op="op", is_module=False, has_children=False, inputs=((3,),), sources=(-1,),
        outputs=((3,),), settings="", params=0, own_params=0, trainable=False, reused=False, macs=None,
        activation_bytes=0, dtype="float32",
    )  # fmt: skip
    table = ShapeTable(
        model="x", inputs=INPUTS, outputs=((3,),), rows=(row,), total_params=0, trainable_params=0, total_macs=5,
        remarks=(Remark(0, "odd"),), not_used_in_pass=(NotUsed("expert", "not chosen", 4321),), unused=("spare",),
        unused_params=4333, batch=2, ran="real",
    )  # fmt: skip
    notes = shape_notes(table).plain
    for words in (
        "op: odd",
        "never used: spare (12 parameters)",
        "this pass: expert (4,321 parameters): not chosen",
        "2 samples",
    ):
        assert words in notes
    lines = shape_lines(table, columns=["step", "MACs"])
    assert lines.rows[0].plain.split() == ["op", "?"]
    assert lines.footer[-1].plain.split() == ["total", "5", "+", "?"]


def test_the_last_line_shows_what_the_network_returns() -> None:
    """The last call is a side branch whose result isn't returned."""

    def forward(self: Any, x: Tensor) -> Any:
        answer = self.main(x)
        self.kept = self.side(x)
        return answer

    table = trace(FunctionNet(forward, main=nn.Linear(8, 3), side=nn.Linear(8, 5)), (8,))
    total = shape_lines(table, width=100, glyphs=UNICODE).footer[-1].plain.split()
    assert total == ["total", "3", "72", "64"]
