"""Lessons in the drawer: their cells run in the person's kernel, and what is finished is remembered."""

from fashion_tui.lessons.reader import lessons
from fashion_tui.tui.playground.views.lessons import LessonsView
from fashion_tui.tui.playground.views.side_panel import SidePanel
from tests.tui.pilots import until

from .driver import Playground, playground

FIRST, AUTOGRAD = lessons()[0], lessons()[3]


def view(it: Playground) -> LessonsView:
    return it.app.query_one(LessonsView)


async def open_lesson(it: Playground, number: int) -> None:
    """From inside the prompt."""
    await it.pilot.press("ctrl+t")
    await it.sees(lessons()[1].title)
    await it.pilot.press("home", *["down"] * (number - 1), "enter")


async def test_a_lesson_is_opened_from_the_prompt_and_runs_cell_by_cell() -> None:
    async with playground((120, 40)) as it:
        await it.type("typed")
        await open_lesson(it, 1)
        await it.sees(f"1 of {len(FIRST.steps)}")
        assert FIRST.steps[0].observation.split()[-1] not in it.screen  # only once the cell has run
        await it.pilot.press("enter")
        await it.sees(
            "In [1]: t = torch.tensor([1, 2, 3])", "Out[1]: tensor([1, 2, 3])", FIRST.steps[0].observation.split()[-1]
        )
        await it.pilot.press("enter")
        await it.sees(f"2 of {len(FIRST.steps)}")
        await it.pilot.press("left")
        await it.sees(f"1 of {len(FIRST.steps)}", FIRST.steps[0].observation.split()[-1])
        assert it.prompt.text == "typed"
        await it.pilot.press("escape", "escape", "escape")
        await until(it.pilot, lambda: it.app.focused is it.prompt, "the prompt's focus")


async def test_a_later_cell_runs_those_before_it_first() -> None:
    async with playground((120, 40)) as it:
        await open_lesson(it, 4)
        await it.pilot.press("right", "right")
        await it.sees(f"3 of {len(AUTOGRAD.steps)}")
        await it.pilot.press("enter")
        await it.sees("Out[3]: (tensor(2.), tensor(3.), tensor(1.))")
        await until(it.pilot, lambda: view(it)._progress.steps_done(AUTOGRAD.id) == 3, "three steps done")
        await it.pilot.press("ctrl+g")
        await it.sees("graph of L", "grad 2", "grad 3", "grad 1")
        await it.pilot.press("ctrl+t")
        await it.sees(f"3 of {len(AUTOGRAD.steps)}")  # where one was


async def test_a_cell_can_be_changed_in_the_prompt() -> None:
    async with playground((120, 40)) as it:
        await open_lesson(it, 1)
        await it.pilot.press("i")
        await until(it.pilot, lambda: it.prompt.text == FIRST.steps[0].code, "the cell in the prompt")
        await until(it.pilot, lambda: it.app.focused is it.prompt, "the prompt's focus")


async def test_what_is_finished_is_remembered() -> None:
    async with playground((120, 40)) as it:
        await open_lesson(it, 1)
        await it.pilot.press(*["right"] * (len(FIRST.steps) - 1))
        await it.sees(f"{len(FIRST.steps)} of {len(FIRST.steps)}")
        await it.pilot.press("enter")
        await until(it.pilot, lambda: view(it)._progress.is_finished(FIRST.id), "the lesson finished")
        await it.pilot.press("enter")  # after the last step: the list again
        await it.sees(f"✓  1  {FIRST.title}")
        await open_lesson(it, 4)
        await it.pilot.press("enter")
        await until(it.pilot, lambda: view(it)._progress.steps_done(AUTOGRAD.id) == 1, "a step done")
    async with playground((120, 40)) as it:
        await it.pilot.press("ctrl+t")
        await it.sees(f"✓  1  {FIRST.title}", f"{AUTOGRAD.title}  1/{len(AUTOGRAD.steps)}")
        await it.pilot.press("enter")  # the first that isn't finished stands under the cursor
        await it.sees(f"1 of {len(lessons()[1].steps)}")


async def test_a_dead_kernel_forgets_what_ran_but_not_what_was_finished() -> None:
    async with playground((120, 40)) as it:
        await open_lesson(it, 4)
        await it.pilot.press("enter")
        await it.sees("Out[1]: (True, None, None)")
        await it.run("import os; os._exit(1)", "exit code 1")
        await it.sees("In [1]:")
        await it.pilot.press("right", "enter")
        await it.sees("Out[2]: tensor(10., grad_fn=<AddBackward0>)")


async def test_at_80_by_24_the_card_stands_above_the_transcript() -> None:
    async with playground((80, 24)) as it:
        await open_lesson(it, 4)
        await it.pilot.press("enter")
        await it.sees("Out[1]: (True, None, None)")
        assert it.app.query_one(SidePanel).region.bottom <= it.transcript.region.y
        assert it.prompt.region.height >= 1


async def test_an_interrupted_cell_can_be_run_again() -> None:
    async with playground((120, 40)) as it:
        it.prompt.put("while True: pass")
        it.prompt.action_run()
        await open_lesson(it, 4)
        await it.pilot.press("right", "enter")  # two cells wait
        await it.sees("more wait")
        await it.pilot.press("ctrl+c")
        await it.sees("KeyboardInterrupt")
        assert "Out[2]" not in it.screen
        await it.pilot.press("enter")
        await it.sees("tensor(10., grad_fn=<AddBackward0>)")


async def test_keys_that_scroll_stay_in_a_card_that_is_seen_whole() -> None:
    async with playground((120, 40)) as it:
        await open_lesson(it, 4)
        await it.pilot.press("down", "down", "up", "enter")
        await it.sees("Out[1]: (True, None, None)")
