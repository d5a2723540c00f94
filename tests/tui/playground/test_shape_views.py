"""Reshaping and the arithmetic of windows in the drawer, as a person uses them."""

import pytest

from fashion_tui.tui.playground.views.side_panel import SidePanel
from tests.tui.pilots import until

from .driver import Playground, playground

WIDE, SMALL = (120, 40), (80, 24)


async def replace(it: Playground, text: str) -> None:
    """What stands in the field is chosen when one comes to it: typing takes its place."""
    await it.pilot.press("home", "shift+end", "delete")
    await it.type(text)


async def listed(it: Playground) -> None:
    """Wait until the table has what the cell made."""
    tensors = it.app.query_one(SidePanel).tensors
    assert tensors is not None
    await until(it.pilot, lambda: tensors.found.rows, "the tensors")


async def choose(it: Playground, operation: str) -> None:
    for _ in range(7):
        if f"‹ {operation} ›" in it.screen:
            return
        await it.pilot.press("down")
        await it.pilot.pause()
    await it.sees(f"‹ {operation} ›")


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_a_view_of_what_lies_across_memory_fails_and_reshape_copies(size: tuple[int, int]) -> None:
    async with playground(size) as it:
        await it.run("t = torch.arange(6).reshape(2, 3).T")
        await listed(it)
        await it.pilot.press("f8")
        await it.sees("‹ reshape ›", "before 3×2", "strides (1, 3)")
        await replace(it, "6")
        await it.sees("copy", "after 6")
        await choose(it, "view")
        await replace(it, "6")
        await it.sees("view size is not compatible")
        await choose(it, "transpose")
        await it.sees("view: the same memory", "after 2×3", "strides (3, 1)")
        await choose(it, "unsqueeze")
        await it.sees("after 1×3×2")
        await replace(it, "9")
        await it.sees("Dimension out of range")
        await replace(it, "x")
        await it.sees("invalid arguments (x)")


async def test_enter_puts_the_code_into_the_prompt() -> None:
    async with playground(WIDE) as it:
        await it.run("t = torch.arange(6)")
        await listed(it)
        await it.pilot.press("f8")
        await it.sees("before 6")
        await replace(it, "2, 3")
        await it.sees("after 2×3")
        await it.pilot.press("enter")
        await until(it.pilot, lambda: it.prompt.text == "t.reshape(2, 3)", "the code in the prompt")
        await until(it.pilot, lambda: it.app.focused is it.prompt, "the prompt's focus")
        await it.type("\n")
        await it.sees("tensor([[0, 1, 2],")


async def test_without_a_tensor_one_is_made_up_and_a_shape_can_be_typed() -> None:
    async with playground(WIDE) as it:
        await it.pilot.press("f8")
        await it.sees("before 2×3")
        await it.pilot.press("shift+tab", "shift+tab")
        await replace(it, "2x3x4")
        await it.sees("before 2×3×4", "24")
        await replace(it, "nothing")
        await it.sees("nothing")
        await it.pilot.press("escape", "escape")
        await until(it.pilot, lambda: it.app.focused is it.prompt, "the prompt's focus")


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_the_output_size_of_the_guides_convolution_and_pooling(size: tuple[int, int]) -> None:
    async with playground(size) as it:
        await it.pilot.press("f9")
        await it.sees("‹ convolution ›", "(28 − 5 + 2·2) / 1 + 1 = 28")
        await replace(it, "14")
        await it.sees("(14 − 5 + 2·2) / 1 + 1 = 14")
        await replace(it, "28x32")
        await it.sees("from 28×32", "⌊(32 + 2·2 − 1·(5 − 1) − 1) / 1⌋ + 1 = 32")
        await it.pilot.press("tab")
        await replace(it, "99")
        await it.sees("the kernel spans 99 values")
        await replace(it, "five")
        await it.sees("five")
        await it.pilot.press("escape", "escape", "f9")
        await it.sees("five")  # what was typed stays
        await it.pilot.press("tab")
        await replace(it, "5")
        await it.sees("from 28×32")
