"""The tensors beside the prompt, their insides, and the graph that lights up: the app, a real kernel, and keys."""

import pytest
from textual.widget import Widget

from fashion_tui.schema.tensors import TensorRow
from fashion_tui.tui.playground.views.graph import GraphView, is_place
from fashion_tui.tui.playground.views.side_panel import SidePanel
from fashion_tui.tui.playground.views.tensor import TensorView
from fashion_tui.tui.playground.views.tensors import TensorsView
from tests.tui.pilots import until

from .driver import Playground, playground

WIDE, SMALL = (120, 40), (80, 24)


def text_of(it: Playground, kind: type[Widget]) -> list[str]:
    """What stands in the part of the screen that a widget takes."""
    region = it.app.query_one(kind).region
    return [line[region.x : region.right].rstrip() for line in it.screen.split("\n")[region.y : region.bottom]]


async def stands_in(it: Playground, kind: type[Widget], *texts: str) -> None:
    for text in texts:
        await until(it.pilot, lambda text=text: any(text in line for line in text_of(it, kind)), text)  # type: ignore[misc]


def listed(it: Playground) -> tuple[TensorRow, ...]:
    view = it.app.query_one(SidePanel).tensors
    return () if view is None else view.found.rows


async def row_says(it: Playground, name: str, *texts: str) -> None:
    """The tensor's line in the table holds these."""

    def holds() -> bool:
        lines = [line for line in text_of(it, TensorsView) if line.strip("▌ ").split()[:1] == [name]]
        return any(all(text in line for text in texts) for line in lines)

    await until(it.pilot, holds, f"{name}: {texts}")


async def product(it: Playground) -> None:
    await it.run("A, B, D = (torch.tensor(v, requires_grad=True) for v in (3.0, 2.0, 4.0))\nC = A * B; L = C + D")
    await until(it.pilot, lambda: any(row.name == "L" for row in listed(it)), "the tensors")


async def test_each_cell_renews_the_table() -> None:
    async with playground(WIDE) as it:
        await stands_in(it, TensorsView, "No tensors yet")
        await it.run("import numpy as np; a = np.arange(6.0); t = torch.from_numpy(a).reshape(2, 3)")
        await row_says(it, "t", "2×3", "2.5", "≡1")
        await row_says(it, "a", "6", "2.5", "≡1")
        await it.run("t += 1; w = torch.tensor([1.0, float('nan')], requires_grad=True)")
        await row_says(it, "w", "1 NaN", "leaf")
        await row_says(it, "a", "3.5")
        await it.run("del a, t, w")
        await stands_in(it, TensorsView, "No tensors yet")


async def test_a_new_kernel_has_none_of_the_old_tensors() -> None:
    async with playground(WIDE) as it:
        await product(it)
        await it.pilot.press("ctrl+g")
        await stands_in(it, GraphView, "graph of L")
        await it.run("import os; os._exit(1)", "exit code 1")
        await stands_in(it, TensorsView, "No tensors yet")
        assert "graph of L" not in it.screen
        await product(it)


async def test_the_graph_opens_at_the_prompt_and_backward_lights_it_up() -> None:
    async with playground(WIDE) as it:
        await product(it)
        await it.type("L")
        await it.pilot.press("ctrl+g")
        await stands_in(it, GraphView, "L  AddBackward0  10", "├ C  MulBackward0  6", "A  leaf  3", "D  leaf  4")
        await stands_in(it, GraphView, "B runs L.backward()")
        assert "grad" not in "".join(text_of(it, GraphView)[1:-1])
        await it.pilot.press("B")
        await it.sees("L.backward()")
        await stands_in(it, GraphView, "A  leaf  3  grad 2", "B  leaf  2  grad 3", "D  leaf  4  grad 1")
        assert it.prompt.text == "L"  # what was being typed is left alone
        await it.pilot.press("down")
        await stands_in(it, GraphView, "C.retain_grad() would keep its gradient")
        await it.pilot.press("escape", "escape")
        assert it.app.focused is it.prompt


async def test_backward_of_more_than_one_number_and_a_second_time() -> None:
    async with playground(WIDE) as it:
        await it.run("x = torch.ones(2, requires_grad=True); y = x * x")
        await row_says(it, "y", "f32")
        await it.pilot.press("ctrl+g")
        await stands_in(it, GraphView, "graph of y")
        await it.pilot.press("B")
        await it.sees("y.backward(torch.ones_like(y))")
        await stands_in(it, GraphView, "x  leaf  2  mean 1  grad 2")
        await it.pilot.press("B")
        await it.sees("RuntimeError", "second time")
        await stands_in(it, GraphView, "graph of y")


async def test_what_is_behind_a_node_folds_and_unfolds() -> None:
    async with playground(WIDE) as it:
        await it.run("x = torch.ones(1, requires_grad=True); y = x\nfor _ in range(1000): y = y * 1.0\n")
        await row_says(it, "y", "f32")
        await it.pilot.press("ctrl+g")
        await stands_in(it, GraphView, "200 nodes, more to unfold")
        await it.pilot.press("end", "right")
        await stands_in(it, GraphView, "400 nodes, more to unfold")
        await it.pilot.press("home", "left")
        await stands_in(it, GraphView, "y  MulBackward0  1  mean 1  +1")
        assert len([line for line in text_of(it, GraphView) if "MulBackward0" in line]) == 1
        await it.pilot.press("right")
        await stands_in(it, GraphView, "└ MulBackward0")


async def test_where_there_is_no_graph_it_says_so() -> None:
    async with playground(WIDE) as it:
        await it.run("x = torch.ones(2)")
        await it.pilot.press("ctrl+g")
        await it.sees("There is no graph yet")


async def test_a_tensor_from_inside() -> None:
    async with playground(WIDE) as it:
        await it.run("t = torch.arange(2 * 3 * 50 * 60.0).reshape(2, 3, 50, 60); v = t[0, 0].T")
        await row_says(it, "v", "60×50")
        await it.pilot.press("ctrl+n", "home", "enter")
        await stands_in(it, TensorView, "t  2×3×50×60", "strides (9000, 3000, 60, 1), contiguous", "[0, 0, 0:")
        await it.pilot.press("down", "right", "space")
        await stands_in(it, TensorView, "[0, 1, 1:", "3061")
        await it.pilot.press("pageup", "pageup")
        await stands_in(it, TensorView, "[1, 2, 1:")
        await it.run("t.zero_()")
        await stands_in(it, TensorView, "mean 0")
        await it.pilot.press("escape", "down", "enter")
        await stands_in(it, TensorView, "v  60×50", "not contiguous")
        await it.run("del v")
        await it.sees("no tensor is named v")


async def test_on_a_small_screen_the_tensors_are_one_line_and_the_drawer_opens_above() -> None:
    async with playground(SMALL) as it:
        assert not it.app.query_one(SidePanel).display
        await product(it)
        await it.sees("A 3 · B 2 · D 4 · C 6 · L 10")
        await it.pilot.press("ctrl+n")
        await stands_in(it, TensorsView, "tensor  shape")
        assert it.app.query_one(SidePanel).region.y < it.prompt.region.y
        await it.pilot.press("ctrl+g")
        await stands_in(it, GraphView, "graph of A")
        assert it.prompt.region.height >= 1
        await it.pilot.press("escape", "escape")
        await until(it.pilot, lambda: not it.app.query_one(SidePanel).display, "the drawer to close")
        assert it.app.focused is it.prompt


async def test_a_name_that_would_move_the_cursor_is_shown_escaped() -> None:
    async with playground(WIDE) as it:
        await it.run("d = {'\\x1b[2J\\nevil': torch.ones(1)}")
        await stands_in(it, TensorsView, "d['")
        assert "\x1b" not in it.screen


async def test_the_answers_come_while_the_window_changes_its_size() -> None:
    async with playground(WIDE) as it:
        await product(it)
        await it.pilot.press("ctrl+g")
        await stands_in(it, GraphView, "graph of L")
        await it.pilot.resize_terminal(*SMALL)
        await it.sees("graph of L", "In [")
        await it.pilot.resize_terminal(200, 50)
        await stands_in(it, TensorsView, "memory")


async def test_backward_is_offered_only_for_what_python_can_name() -> None:
    async with playground((120, 40)) as it:
        await it.run('w = torch.ones(2, requires_grad=True); globals()["a\'];print(1)#"] = (w**3).sum()')
        await it.sees("Sum")  # in the table: the tensors have been listed
        await it.pilot.press("ctrl+g")
        await it.sees("graph of a'];print(1)#", "give it a name of Python's")
        await it.pilot.press("B")
        assert not it.pane._conversation._cells
        await it.run("5 + 5", "Out[2]: 10")


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("x", True), ("net.conv1.weight", True), ("batch[0]", True), ("d['a b']", True), ("x; y", False),
        ("f(x)", False), ("", False), ("a b", False), ("x[y()]", False), ("5", False),
    ],
)  # fmt: skip
def test_what_is_a_place_that_python_can_name(name: str, is_one: bool) -> None:  # noqa: FBT001
    assert is_place(name) == is_one
