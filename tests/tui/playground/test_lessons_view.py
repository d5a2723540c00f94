"""The view of the lessons: their cells run in the user's kernel, and finished lessons are remembered."""

from fashion_tui.lessons.reader import lessons
from fashion_tui.tui.playground.views.lessons import LessonsView
from fashion_tui.tui.playground.views.side_panel import SidePanel
from tests.tui.pilots import until

from .driver import Playground, open_playground

FIRST, AUTOGRAD = lessons()[0], lessons()[3]


def view(playground: Playground) -> LessonsView:
    return playground.app.query_one(LessonsView)


async def open_lesson(playground: Playground, number: int) -> None:
    """Open a lesson while the prompt has the focus."""
    await playground.pilot.press("ctrl+t")
    await playground.wait_for(lessons()[1].title)
    await playground.pilot.press("home", *["down"] * (number - 1), "enter")


async def test_running_a_lesson_step_by_step() -> None:
    async with open_playground((120, 40)) as playground:
        await playground.type("typed")
        await open_lesson(playground, 1)
        await playground.wait_for(f"1 of {len(FIRST.steps)}")
        assert FIRST.steps[0].observation.split()[-1] not in playground.screen  # shown only after the cell has run
        await playground.pilot.press("enter")
        await playground.wait_for(
            "In [1]: t = torch.tensor([1, 2, 3])", "Out[1]: tensor([1, 2, 3])", FIRST.steps[0].observation.split()[-1]
        )
        await playground.pilot.press("enter")
        await playground.wait_for(f"2 of {len(FIRST.steps)}")
        await playground.pilot.press("left")
        await playground.wait_for(f"1 of {len(FIRST.steps)}", FIRST.steps[0].observation.split()[-1])
        assert playground.prompt.text == "typed"
        await playground.pilot.press("escape", "escape", "escape")
        await playground.wait_focused()


async def test_a_later_cell_runs_the_earlier_ones_first() -> None:
    async with open_playground((120, 40)) as playground:
        await open_lesson(playground, 4)
        await playground.pilot.press("right", "right")
        await playground.wait_for(f"3 of {len(AUTOGRAD.steps)}")
        await playground.pilot.press("enter")
        await playground.wait_for("Out[3]: (tensor(2.), tensor(3.), tensor(1.))")
        await until(
            playground.pilot, lambda: view(playground)._progress.steps_done(AUTOGRAD.id) == 3, "three steps done"
        )
        await playground.pilot.press("ctrl+g")
        await playground.wait_for("graph of L", "grad 2", "grad 3", "grad 1")
        await playground.pilot.press("ctrl+t")
        await playground.wait_for(f"3 of {len(AUTOGRAD.steps)}")  # the same step as before


async def test_editing_a_cell_in_the_prompt() -> None:
    async with open_playground((120, 40)) as playground:
        await open_lesson(playground, 1)
        await playground.pilot.press("i")
        await until(playground.pilot, lambda: playground.prompt.text == FIRST.steps[0].code, "the cell in the prompt")
        await playground.wait_focused()


async def test_progress_is_remembered() -> None:
    async with open_playground((120, 40)) as playground:
        await open_lesson(playground, 1)
        await playground.pilot.press(*["right"] * (len(FIRST.steps) - 1))
        await playground.wait_for(f"{len(FIRST.steps)} of {len(FIRST.steps)}")
        await playground.pilot.press("enter")
        await until(playground.pilot, lambda: view(playground)._progress.is_finished(FIRST.id), "the lesson finished")
        await playground.pilot.press("enter")  # after the last step, back to the list
        await playground.wait_for(f"✓  1  {FIRST.title}")
        await open_lesson(playground, 4)
        await playground.pilot.press("enter")
        await until(playground.pilot, lambda: view(playground)._progress.steps_done(AUTOGRAD.id) == 1, "a step done")
    async with open_playground((120, 40)) as playground:
        await playground.pilot.press("ctrl+t")
        await playground.wait_for(f"✓  1  {FIRST.title}", f"{AUTOGRAD.title}  1/{len(AUTOGRAD.steps)}")
        await playground.pilot.press("enter")  # the cursor is on the first unfinished lesson
        await playground.wait_for(f"1 of {len(lessons()[1].steps)}")


async def test_dead_kernel_forgets_the_cells_but_not_the_progress() -> None:
    async with open_playground((120, 40)) as playground:
        await open_lesson(playground, 4)
        await playground.pilot.press("enter")
        await playground.wait_for("Out[1]: (True, None, None)")
        await playground.run("import os; os._exit(1)", "exit code 1")
        await playground.wait_for("In [1]:")
        await playground.pilot.press("right", "enter")
        await playground.wait_for("Out[2]: tensor(10., grad_fn=<AddBackward0>)")


async def test_small_screen_shows_the_card_above_the_transcript() -> None:
    async with open_playground((80, 24)) as playground:
        await open_lesson(playground, 4)
        await playground.pilot.press("enter")
        await playground.wait_for("Out[1]: (True, None, None)")
        assert playground.app.query_one(SidePanel).region.bottom <= playground.transcript.region.y
        assert playground.prompt.region.height >= 1


async def test_an_interrupted_cell_can_be_run_again() -> None:
    async with open_playground((120, 40)) as playground:
        playground.submit("while True: pass")
        await open_lesson(playground, 4)
        await playground.pilot.press("right", "enter")  # two cells are queued
        await playground.wait_for("2 queued")
        await playground.pilot.press("ctrl+c")
        await playground.wait_for("KeyboardInterrupt")
        assert "Out[2]" not in playground.screen
        await playground.pilot.press("enter")
        await playground.wait_for("tensor(10., grad_fn=<AddBackward0>)")


async def test_scroll_keys_stay_in_the_card() -> None:
    async with open_playground((120, 40)) as playground:
        await open_lesson(playground, 4)
        await playground.pilot.press("down", "down", "up", "enter")
        await playground.wait_for("Out[1]: (True, None, None)")
