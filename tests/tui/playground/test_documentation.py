"""Signature and docstring of the name at the cursor, shown with Ctrl+O."""

import pytest

from fashion_tui.tui.playground.prompt.documentation import Documentation
from tests.suspension import suspended
from tests.tui.pilots import until

from .driver import Playground, open_playground


def documentation(playground: Playground) -> Documentation:
    return playground.app.query_one(Documentation)


@pytest.mark.parametrize("size", [(99, 30), (80, 24)])
async def test_documentation_is_shown_below_the_prompt_while_typing(size: tuple[int, int]) -> None:
    async with open_playground(size) as playground:
        await playground.run(
            "def doubled(x, *, by=2):\n    '''Twice as much.\n" + "\n".join(map(str, range(50))) + "\n    '''"
        )
        await playground.type("y = doubled(")
        await playground.ask_for_documentation("Signature:", "doubled(x, *, by=2)", "Twice as much.")
        assert documentation(playground).size.height <= playground.pane.size.height // 2
        assert documentation(playground).region.y > playground.prompt.region.y
        await playground.type("3")
        assert playground.prompt.text == "y = doubled(3"
        await playground.pilot.press("pagedown", "pagedown")
        await playground.wait_gone("Twice as much.")
        await playground.pilot.press("pageup", "pageup", "pageup")
        await playground.wait_for("Twice as much.")
        await playground.pilot.press("escape")
        await playground.wait_gone("Twice as much.")
        assert playground.app.focused is playground.prompt
        await playground.wait_for(f"In [2]: {playground.prompt.text}")


async def test_the_same_key_closes_the_documentation() -> None:
    async with open_playground() as playground:
        await playground.run("torch.ones(1)")
        await playground.type("torch.nn.Linear")
        await playground.ask_for_documentation("in_features")
        await playground.pilot.press("ctrl+o")
        await until(playground.pilot, lambda: not documentation(playground).is_open, "closed documentation")
        await playground.type("(torch.zeros(")
        await playground.ask_for_documentation("scalar value `0`")
        await playground.type("3)); len")
        await playground.ask_for_documentation("Return the number of items")
        await playground.pilot.press("ctrl+c")
        await playground.type("1\n")  # running a cell closes the documentation
        await until(playground.pilot, lambda: not documentation(playground).is_open, "closed documentation")


async def test_only_colour_sequences_reach_the_screen() -> None:
    async with open_playground() as playground:
        await playground.run("def evil(): pass\nevil.__doc__ = '\\x1b]0;title\\x07[bold]text[/]'")
        await playground.type("evil")
        await playground.ask_for_documentation("Signature:", "Docstring: [bold]text[/]")
        strips = playground.app.screen._compositor.render_strips()
        signature = next(strip for strip in strips if "Signature" in strip.text)
        colours = {segment.style.color for segment in signature if segment.style}
        assert len(colours) > 1


async def test_unknown_name() -> None:
    async with open_playground() as playground:
        await playground.type("nothing_like_it")
        await playground.ask_for_documentation("No documentation here")
        assert not documentation(playground).is_open


async def test_documentation_is_shown_while_code_runs() -> None:
    async with open_playground() as playground:
        playground.submit("while True: pass")
        await playground.wait_for("running")
        await playground.type("len(")
        await playground.ask_for_documentation("Return the number of items")
        await playground.pilot.press("ctrl+c")
        await playground.wait_for("KeyboardInterrupt")


async def test_kernel_that_does_not_respond() -> None:
    async with open_playground() as playground:
        await playground.type("len")
        with suspended(playground.kernel_pid):
            await playground.pilot.press("ctrl+o")
            await playground.wait_for("did not respond in time")
