"""The views of reshaping and of convolution arithmetic, with a real kernel."""

import pytest

from fashion_tui.tui.playground.views.side_panel import SidePanel
from tests.tui.pilots import until

from .driver import Playground, open_playground

WIDE, SMALL = (120, 40), (80, 24)


async def replace(playground: Playground, text: str) -> None:
    """Replace the text of the focused field."""
    await playground.pilot.press("home", "shift+end", "delete")
    await playground.type(text)


async def wait_for_tensors(playground: Playground) -> None:
    """Wait until the table lists tensors."""
    view = playground.app.query_one(SidePanel).tensors_view
    assert view is not None
    await until(playground.pilot, lambda: view.tensors.rows, "the tensors")


async def choose_operation(playground: Playground, operation: str) -> None:
    for _ in range(7):
        if f"‹ {operation} ›" in playground.screen:
            return
        await playground.pilot.press("down")
        await playground.pilot.pause()
    await playground.wait_for(f"‹ {operation} ›")


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_view_of_a_transposed_tensor_fails_and_reshape_copies(size: tuple[int, int]) -> None:
    async with open_playground(size) as playground:
        await playground.run("t = torch.arange(6).reshape(2, 3).T")
        await wait_for_tensors(playground)
        await playground.pilot.press("f8")
        await playground.wait_for("‹ reshape ›", "before 3×2", "strides (1, 3)")
        await replace(playground, "6")
        await playground.wait_for("copy", "after 6")
        await choose_operation(playground, "view")
        await replace(playground, "6")
        await playground.wait_for("view size is not compatible")
        await choose_operation(playground, "transpose")
        await playground.wait_for("view: the same memory", "after 2×3", "strides (3, 1)")
        await choose_operation(playground, "unsqueeze")
        await playground.wait_for("after 1×3×2")
        await replace(playground, "9")
        await playground.wait_for("Dimension out of range")
        await replace(playground, "x")
        await playground.wait_for("invalid arguments (x)")


async def test_enter_puts_the_code_into_the_prompt() -> None:
    async with open_playground(WIDE) as playground:
        await playground.run("t = torch.arange(6)")
        await wait_for_tensors(playground)
        await playground.pilot.press("f8")
        await playground.wait_for("before 6")
        await replace(playground, "2, 3")
        await playground.wait_for("after 2×3")
        await playground.pilot.press("enter")
        await until(playground.pilot, lambda: playground.prompt.text == "t.reshape(2, 3)", "the code in the prompt")
        await playground.wait_focused()
        await playground.type("\n")
        await playground.wait_for("tensor([[0, 1, 2],")


async def test_example_tensors() -> None:
    async with open_playground(WIDE) as playground:
        await playground.pilot.press("f8")
        await playground.wait_for("before 2×3")
        await playground.pilot.press("shift+tab", "shift+tab")
        await replace(playground, "2x3x4")
        await playground.wait_for("before 2×3×4", "24")
        await replace(playground, "nothing")
        await playground.wait_for("nothing")
        await playground.pilot.press("escape", "escape")
        await playground.wait_focused()


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_output_size_of_a_convolution(size: tuple[int, int]) -> None:
    async with open_playground(size) as playground:
        await playground.pilot.press("f9")
        await playground.wait_for("‹ convolution ›", "(28 − 5 + 2·2) / 1 + 1 = 28")
        await replace(playground, "14")
        await playground.wait_for("(14 − 5 + 2·2) / 1 + 1 = 14")
        await replace(playground, "28x32")
        await playground.wait_for("from 28×32", "⌊(32 + 2·2 − 1·(5 − 1) − 1) / 1⌋ + 1 = 32")
        await playground.pilot.press("tab")
        await replace(playground, "99")
        await playground.wait_for("99 values")
        await replace(playground, "five")
        await playground.wait_for("five")
        await playground.pilot.press("escape", "escape", "f9")
        await playground.wait_for("five")  # the values stay
        await playground.pilot.press("tab")
        await replace(playground, "5")
        await playground.wait_for("from 28×32")
