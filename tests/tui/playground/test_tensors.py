"""The table of tensors, the view of one tensor, and the view of the autograd graph, with a real kernel."""

from functools import partial

import pytest
from rich.text import Text
from textual.widget import Widget
from textual.widgets import Static

from fashion_tui.schema.tensors import TensorRow
from fashion_tui.tui.playground.views.graph import GraphView, is_reference
from fashion_tui.tui.playground.views.side_panel import SidePanel
from fashion_tui.tui.playground.views.tensor import TensorView
from fashion_tui.tui.playground.views.tensors import TensorsView
from tests.tui.pilots import footer, until

from .driver import Playground, open_playground

WIDE, SMALL = (120, 40), (80, 24)


def lines_in(playground: Playground, widget: type[Widget]) -> list[str]:
    """Return the part of each line of the screen that the widget covers."""
    region = playground.app.query_one(widget).region
    return [line[region.x : region.right].rstrip() for line in playground.screen.split("\n")[region.y : region.bottom]]


async def wait_in(playground: Playground, widget: type[Widget], *texts: str) -> None:
    """Wait until the widget shows all the texts."""

    def is_shown(text: str) -> bool:
        return any(text in line for line in lines_in(playground, widget))

    for text in texts:
        await until(playground.pilot, partial(is_shown, text), text)


def listed(playground: Playground) -> tuple[TensorRow, ...]:
    view = playground.app.query_one(SidePanel).tensors_view
    return () if view is None else view.tensors.rows


async def wait_in_row(playground: Playground, name: str, *texts: str) -> None:
    """Wait until the tensor's row of the table contains all the texts."""

    def is_shown() -> bool:
        lines = [line for line in lines_in(playground, TensorsView) if line.strip("▌ ").split()[:1] == [name]]
        return any(all(text in line for text in texts) for line in lines)

    await until(playground.pilot, is_shown, f"{name}: {texts}")


async def compute_product(playground: Playground) -> None:
    await playground.run(
        "A, B, D = (torch.tensor(v, requires_grad=True) for v in (3.0, 2.0, 4.0))\nC = A * B; L = C + D"
    )
    await until(playground.pilot, lambda: any(row.name == "L" for row in listed(playground)), "the tensors")


async def test_table_is_updated_after_each_cell() -> None:
    async with open_playground(WIDE) as playground:
        await wait_in(playground, TensorsView, "No tensors yet")
        await playground.run("import numpy as np; a = np.arange(6.0); t = torch.from_numpy(a).reshape(2, 3)")
        await wait_in_row(playground, "t", "2×3", "2.5", "≡1")
        await wait_in_row(playground, "a", "6", "2.5", "≡1")
        await playground.run("t += 1; w = torch.tensor([1.0, float('nan')], requires_grad=True)")
        await wait_in_row(playground, "w", "1 NaN", "leaf")
        await wait_in_row(playground, "a", "3.5")
        await playground.run("del a, t, w")
        await wait_in(playground, TensorsView, "No tensors yet")


async def test_new_tensors_are_at_the_top_and_the_cursor_is_on_them() -> None:
    async with open_playground((120, 20)) as playground:
        await playground.run("many = nn.Sequential(*(nn.Linear(2, 2) for _ in range(20)))")
        await wait_in(playground, TensorsView, "many.0.weight")
        await playground.run("first = torch.ones(2); second = torch.zeros(3)")
        await wait_in_row(playground, "first", "2")
        names = [line.strip("▌ ").split()[0] for line in lines_in(playground, TensorsView)[1:4]]
        assert names[:2] == ["first", "second"]
        await playground.pilot.press("ctrl+n", "down", "down")
        rows = playground.app.query_one(SidePanel).tensors_view
        assert rows is not None
        await until(playground.pilot, lambda: rows.selected is not None and rows.selected.name != "first", "a move")
        selected = rows.selected
        await playground.run("third = torch.ones(4)")
        await until(playground.pilot, lambda: any(row.name == "third" for row in listed(playground)), "the tensor")
        assert rows.selected is not None
        assert selected is not None
        assert rows.selected.name == selected.name  # the focused table keeps its cursor


async def test_the_focus_is_visible() -> None:
    async with open_playground(WIDE) as playground:
        await playground.run("x = torch.ones(2)")
        await wait_in_row(playground, "x", "f32")
        panel = playground.app.query_one(SidePanel)

        def look() -> tuple[object, object]:
            label = playground.app.query_one("#prompt-label", Static).content
            assert isinstance(label, Text)
            return label.spans, panel.styles.border_left

        in_prompt = look()
        await playground.pilot.press("ctrl+n")
        await until(
            playground.pilot,
            lambda: all(a != b for a, b in zip(look(), in_prompt, strict=True)),
            "the table",
        )
        await playground.pilot.press("escape")
        await playground.wait_focused()
        await until(playground.pilot, lambda: look() == in_prompt, "the focus in the prompt")


async def test_code_that_a_view_runs_is_in_the_history() -> None:
    async with open_playground(WIDE) as playground:
        await playground.run("x = torch.ones((), requires_grad=True); y = x * x")
        await wait_in_row(playground, "y", "f32")
        await playground.pilot.press("ctrl+g")
        await wait_in(playground, GraphView, "graph of y")
        await playground.pilot.press("B")
        await playground.wait_for("In [2]: y.backward()", "In [3]:")
        await playground.pilot.press("escape", "escape")
        await playground.wait_focused()
        await playground.pilot.press("up")
        assert playground.prompt.text == "y.backward()"
        await playground.pilot.press("up")
        assert playground.prompt.text == "x = torch.ones((), requires_grad=True); y = x * x"


async def test_views_are_emptied_when_the_kernel_dies() -> None:
    async with open_playground(WIDE) as playground:
        await compute_product(playground)
        await playground.pilot.press("ctrl+g")
        await wait_in(playground, GraphView, "graph of L")
        await playground.run("import os; os._exit(1)", "exit code 1")
        await wait_in(playground, TensorsView, "No tensors yet")
        assert "graph of L" not in playground.screen
        await compute_product(playground)


async def test_graph_of_the_tensor_at_the_cursor_and_backward() -> None:
    async with open_playground(WIDE) as playground:
        await compute_product(playground)
        await playground.type("L")
        await playground.pilot.press("ctrl+g")
        await wait_in(playground, GraphView, "L  AddBackward0  10", "├ C  MulBackward0  6", "A  leaf  3", "D  leaf  4")
        await wait_in(playground, GraphView, "B runs L.backward()")
        assert "grad" not in "".join(lines_in(playground, GraphView)[1:-1])
        await playground.pilot.press("B")
        await playground.wait_for("L.backward()")
        await wait_in(playground, GraphView, "A  leaf  3  grad 2", "B  leaf  2  grad 3", "D  leaf  4  grad 1")
        assert playground.prompt.text == "L"  # the prompt is unchanged
        await playground.pilot.press("down")
        await wait_in(playground, GraphView, "C.retain_grad()")
        await playground.pilot.press("escape", "escape")
        assert playground.app.focused is playground.prompt


async def test_backward_of_a_vector_and_a_second_time() -> None:
    async with open_playground(WIDE) as playground:
        await playground.run("x = torch.ones(2, requires_grad=True); y = x * x")
        await wait_in_row(playground, "y", "f32")
        await playground.pilot.press("ctrl+g")
        await wait_in(playground, GraphView, "graph of y")
        await playground.pilot.press("B")
        await playground.wait_for("y.backward(torch.ones_like(y))")
        await wait_in(playground, GraphView, "x  leaf  2  mean 1  grad 2")
        await playground.pilot.press("B")
        await playground.wait_for("RuntimeError", "second time")
        await wait_in(playground, GraphView, "graph of y")


async def test_folding_and_unfolding() -> None:
    async with open_playground(WIDE) as playground:
        await playground.run("x = torch.ones(1, requires_grad=True); y = x\nfor _ in range(1000): y = y * 1.0\n")
        await wait_in_row(playground, "y", "f32")
        await playground.pilot.press("ctrl+g")
        await wait_in(playground, GraphView, "200 nodes, more to unfold")
        await playground.pilot.press("end", "right")
        await wait_in(playground, GraphView, "400 nodes, more to unfold")
        await playground.pilot.press("home", "left")
        await wait_in(playground, GraphView, "y  MulBackward0  1  mean 1  +1")
        assert len([line for line in lines_in(playground, GraphView) if "MulBackward0" in line]) == 1
        await playground.pilot.press("right")
        await wait_in(playground, GraphView, "↓ MulBackward0")


async def test_no_graph_yet() -> None:
    async with open_playground(WIDE) as playground:
        await playground.run("x = torch.ones(2)")
        await playground.pilot.press("ctrl+g")
        await playground.wait_for("No graph yet")


async def test_the_footer_offers_only_the_axes_that_a_tensor_has() -> None:
    async with open_playground(WIDE) as playground:
        await playground.run("t = torch.zeros(2, 3, 4)")
        await wait_in_row(playground, "t", "2×3×4")
        await playground.pilot.press("ctrl+n", "enter")
        await until(playground.pilot, lambda: " space slice " in footer(playground.app), "the key for slices")
        assert " move " in footer(playground.app)
        for code, moves in (("t = torch.zeros(3, 4)", True), ("t = torch.tensor(1.0)", False)):
            await playground.run(code)
            await until(
                playground.pilot,
                lambda shown=moves: (
                    (" move " in footer(playground.app)) == shown  # type: ignore[misc]
                    and " slice " not in footer(playground.app)
                ),
                code,
            )
            assert playground.app.query_one(TensorView).has_focus_within


async def test_values_of_one_tensor() -> None:
    async with open_playground(WIDE) as playground:
        await playground.run("t = torch.arange(2 * 3 * 50 * 60.0).reshape(2, 3, 50, 60); v = t[0, 0].T")
        await wait_in_row(playground, "v", "60×50")
        await playground.pilot.press("ctrl+n", "home", "enter")
        await wait_in(playground, TensorView, "t  2×3×50×60", "strides (9000, 3000, 60, 1), contiguous", "[0, 0, 0:")
        await playground.pilot.press("down", "right", "space")
        await wait_in(playground, TensorView, "[0, 1, 1:", "3061")
        await playground.pilot.press("pageup", "pageup")
        await wait_in(playground, TensorView, "[1, 2, 1:")
        await playground.run("t.zero_()")
        await wait_in(playground, TensorView, "mean 0")
        await playground.pilot.press("escape", "down", "enter")
        await wait_in(playground, TensorView, "v  60×50", "not contiguous")
        await playground.run("del v")
        await playground.wait_for("no tensor is named v")


async def test_small_screen_shows_one_line_and_opens_the_panel_above() -> None:
    async with open_playground(SMALL) as playground:
        assert not playground.app.query_one(SidePanel).display
        await compute_product(playground)
        await playground.wait_for("A 3 · B 2 · D 4 · C 6 · L 10")
        await playground.pilot.press("ctrl+n")
        await wait_in(playground, TensorsView, "tensor  shape")
        assert playground.app.query_one(SidePanel).region.y < playground.prompt.region.y
        await playground.pilot.press("ctrl+g")
        await wait_in(playground, GraphView, "graph of A")
        assert playground.prompt.region.height >= 1
        await playground.pilot.press("escape", "escape")
        await until(playground.pilot, lambda: not playground.app.query_one(SidePanel).display, "the panel to close")
        assert playground.app.focused is playground.prompt


async def test_control_characters_in_names_are_escaped() -> None:
    async with open_playground(WIDE) as playground:
        await playground.run("d = {'\\x1b[2J\\nevil': torch.ones(1)}")
        await wait_in(playground, TensorsView, "d['")
        assert "\x1b" not in playground.screen


async def test_resizing() -> None:
    async with open_playground(WIDE) as playground:
        await compute_product(playground)
        await playground.pilot.press("ctrl+g")
        await wait_in(playground, GraphView, "graph of L")
        await playground.pilot.resize_terminal(*SMALL)
        await playground.wait_for("graph of L", "In [")
        await playground.pilot.resize_terminal(200, 50)
        await wait_in(playground, TensorsView, "memory")


async def test_backward_needs_a_valid_reference() -> None:
    async with open_playground((120, 40)) as playground:
        await playground.run('w = torch.ones(2, requires_grad=True); globals()["a\'];print(1)#"] = (w**3).sum()')
        await playground.wait_for("Sum")  # the tensors have been listed
        await playground.pilot.press("ctrl+g")
        await playground.wait_for("graph of a'];print(1)#", "assign it to a variable")
        await playground.pilot.press("B")
        assert playground.runner.is_idle
        await playground.run("5 + 5", "Out[2]: 10")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x", True), ("net.conv1.weight", True), ("batch[0]", True), ("d['a b']", True), ("x; y", False),
        ("f(x)", False), ("", False), ("a b", False), ("x[y()]", False), ("5", False),
    ],
)  # fmt: skip
def test_is_reference(name: str, expected: bool) -> None:  # noqa: FBT001
    assert is_reference(name) == expected
