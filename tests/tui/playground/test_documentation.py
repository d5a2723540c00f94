"""Signature and docstring of the name at the cursor, by ctrl+o."""

import signal

import psutil
import pytest

from fashion_tui.tui.playground.prompt.documentation import Documentation
from tests.tui.pilots import until

from .driver import Playground, playground


def docs(it: Playground) -> Documentation:
    return it.app.query_one(Documentation)


@pytest.mark.parametrize("size", [(99, 30), (80, 24)])
async def test_they_stand_below_the_prompt_while_one_types_on(size: tuple[int, int]) -> None:
    async with playground(size) as it:
        await it.run("def doubled(x, *, by=2):\n    '''Twice as much.\n" + "\n".join(map(str, range(50))) + "\n    '''")
        await it.type("y = doubled(")
        await it.pilot.press("ctrl+o")
        await it.sees("Signature:", "doubled(x, *, by=2)", "Twice as much.")
        assert docs(it).size.height <= it.pane.size.height // 2
        assert docs(it).region.y > it.prompt.region.y
        await it.type("3")
        assert it.prompt.text == "y = doubled(3"
        await it.pilot.press("pagedown", "pagedown")
        await it.sees_no("Twice as much.")
        await it.pilot.press("pageup", "pageup", "pageup")
        await it.sees("Twice as much.")
        await it.pilot.press("escape")
        await it.sees_no("Twice as much.")
        assert it.app.focused is it.prompt
        await it.sees(f"In [2]: {it.prompt.text}")


async def test_the_same_key_closes_them_and_elsewhere_shows_others() -> None:
    async with playground() as it:
        await it.run("torch.ones(1)")
        await it.type("torch.nn.Linear")
        await it.pilot.press("ctrl+o")
        await it.sees("in_features")
        await it.pilot.press("ctrl+o")
        await until(it.pilot, lambda: not docs(it).is_open, "no docs")
        await it.type("(torch.zeros(")
        await it.pilot.press("ctrl+o")
        await it.sees("scalar value `0`")
        await it.type("3)); len")
        await it.pilot.press("ctrl+o")
        await it.sees("Return the number of items")
        await it.pilot.press("ctrl+c")
        await it.type("1\n")  # running a cell closes them: its output has the room
        await until(it.pilot, lambda: not docs(it).is_open, "no docs")


async def test_colours_of_the_kernel_are_seen_and_nothing_else_of_it() -> None:
    async with playground() as it:
        await it.run("def evil(): pass\nevil.__doc__ = '\\x1b]0;title\\x07[bold]text[/]'")
        await it.type("evil")
        await it.pilot.press("ctrl+o")
        await it.sees("Signature:", "Docstring: [bold]text[/]")
        strips = it.app.screen._compositor.render_strips()
        signature = next(strip for strip in strips if "Signature" in strip.text)
        colours = {segment.style.color for segment in signature if segment.style}
        assert len(colours) > 1


async def test_what_isnt_known_is_said_in_a_line() -> None:
    async with playground() as it:
        await it.type("nothing_like_it")
        await it.pilot.press("ctrl+o")
        await it.sees("Nothing is known of")
        assert not docs(it).is_open


async def test_they_come_while_code_runs() -> None:
    async with playground() as it:
        it.prompt.put("while True: pass")
        it.prompt.action_run()
        await it.sees("running")
        await it.type("len(")
        await it.pilot.press("ctrl+o")
        await it.sees("Return the number of items")
        await it.pilot.press("ctrl+c")
        await it.sees("KeyboardInterrupt")


async def test_a_kernel_that_doesnt_answer_is_said_to() -> None:
    async with playground() as it:
        await it.type("len")
        psutil.Process(it.kernel).send_signal(signal.SIGSTOP)
        try:
            await it.pilot.press("ctrl+o")
            await it.sees("The kernel gives no answer in time")
        finally:
            psutil.Process(it.kernel).send_signal(signal.SIGCONT)
