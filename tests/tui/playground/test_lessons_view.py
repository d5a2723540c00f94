"""The view of the lessons: their cells run in the user's kernel, and finished lessons are remembered."""

import pytest

from fashion_tui.lessons.reader import lessons
from fashion_tui.report.glyphs import ASCII, UNICODE
from fashion_tui.tui.playground.views.lessons import KEYS_IN_TEXTS, LessonsView, code_lines
from fashion_tui.tui.playground.views.side_panel import SidePanel
from fashion_tui.tui.playground.views.tensors import TensorsView
from tests.tui.pilots import footer, until

from .driver import Playground, open_playground

FIRST, NUMPY, AUTOGRAD = lessons()[0], lessons()[1], lessons()[3]


def view(playground: Playground) -> LessonsView:
    return playground.app.query_one(LessonsView)


def overwritten(playground: Playground) -> list[str]:
    lessons_view = view(playground)
    assert lessons_view._lesson is not None
    return lessons_view._overwritten_names(lessons_view._lesson, lessons_view._step_index)


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


async def test_the_footer_says_what_enter_does_in_the_list_and_in_a_lesson() -> None:
    async with open_playground((120, 40)) as playground:
        await playground.pilot.press("ctrl+t")
        await until(playground.pilot, lambda: " ↵ open " in footer(playground.app), "the key that opens a lesson")
        assert " steps " not in footer(playground.app)
        await playground.pilot.press("enter")
        await until(playground.pilot, lambda: " ↵ run, next " in footer(playground.app), "the key that runs a cell")
        assert " ← → steps " in footer(playground.app)
        await playground.pilot.press("escape")
        await until(playground.pilot, lambda: " ↵ open " in footer(playground.app), "the list")


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
        await playground.wait_for(f"next lesson: {NUMPY.title}")
        await playground.pilot.press("enter")
        await playground.wait_for(NUMPY.title, f"1 of {len(NUMPY.steps)}")
        await playground.pilot.press("escape")
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


async def test_names_overwritten_by_another_lesson_are_reported() -> None:
    async with open_playground((120, 40)) as playground:
        await open_lesson(playground, 1)
        await playground.pilot.press(*["right"] * 5, "enter")
        await playground.wait_for("Out[6]:")
        await playground.pilot.press("right", "escape", "down", "enter", "enter")  # lesson 2 assigns `a` and `t`
        await playground.wait_for("Out[7]:", "same mark ≡")
        await playground.pilot.press("escape", "up", "enter")
        await playground.wait_for(f"7 of {len(FIRST.steps)}", "Overwritten", "R from the beginning")
        assert overwritten(playground) == ["a"]
        await playground.pilot.press("R")
        await playground.wait_for("Out[14]: (torch.Size([]), 10.0)")
        await playground.wait_gone("Overwritten")
        await playground.pilot.press("right")  # the next step uses none of these names
        await playground.wait_for(f"8 of {len(FIRST.steps)}")
        assert overwritten(playground) == []


async def test_names_overwritten_by_the_user_are_reported_while_the_card_is_open() -> None:
    async with open_playground((120, 40)) as playground:
        await open_lesson(playground, 4)
        await playground.pilot.press("right", "enter")
        await playground.wait_for("AddBackward0>)", "Press ^g")
        await playground.pilot.press("enter")
        await playground.wait_for(f"3 of {len(AUTOGRAD.steps)}")
        await playground.run("L = torch.tensor(1.0)", "Overwritten by another cell: L.")
        await playground.pilot.press("ctrl+t", "enter")
        await playground.wait_for("RuntimeError")
        await until(playground.pilot, lambda: not view(playground)._submitted, "the end of the cell")
        await playground.pilot.press("R")
        await playground.wait_for("(tensor(2.), tensor(3.), tensor(1.))", "grows slightly")


async def test_a_cell_that_is_typed_or_copied_into_the_prompt_counts() -> None:
    async with open_playground((120, 40)) as playground:
        await open_lesson(playground, 1)
        await playground.run("t=torch.tensor([ 1,2,3 ])  # typed\nt")
        await playground.wait_for(FIRST.steps[0].observation.split()[-1])
        await playground.pilot.press("ctrl+t", "enter", "i")
        await until(playground.pilot, lambda: playground.prompt.text == FIRST.steps[1].code, "the cell in the prompt")
        await playground.pilot.press("enter")
        await until(playground.pilot, lambda: view(playground)._progress.steps_done(FIRST.id) == 2, "two steps done")
        await playground.run("t = torch.tensor([1, 2])\nt")
        assert view(playground)._progress.steps_done(FIRST.id) == 2


async def test_after_a_failure_the_card_offers_the_beginning() -> None:
    async with open_playground((120, 40)) as playground:
        await open_lesson(playground, 4)
        await playground.run("keep = torch; torch = None")
        await playground.pilot.press("ctrl+t", "enter")
        await playground.wait_for("AttributeError", "The cell failed.", "R from the beginning")
        await playground.run("torch = keep")
        await playground.pilot.press("ctrl+t", "R")
        await playground.wait_for("(True, None, None)")
        await playground.wait_gone("The cell failed.")


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (120, 40)])
async def test_the_table_shows_the_tensors_and_the_mark_that_the_lesson_refers_to(size: tuple[int, int]) -> None:
    async with open_playground(size) as playground:
        await playground.run("a_tensor_with_a_long_name, b_tensor = torch.zeros(10, 20, 30, 40), torch.ones(1)")
        await playground.run("net.conv1.weight.data = net.conv1.weight.data; another = nn.Linear(3, 4)")
        await open_lesson(playground, 2)
        await playground.pilot.press("enter")
        await playground.wait_for("≡ means" if size[0] < 100 else "same mark ≡")
        await playground.pilot.press("ctrl+n")
        table = playground.app.query_one(TensorsView)
        await until(playground.pilot, lambda: "≡1" in playground.screen, "the mark of shared memory")
        assert table.region.height > 2
        assert [row.plain.split()[0] for row in table._rows._rows][:2] == ["t", "a"]
        await playground.pilot.press("ctrl+t")
        await playground.wait_for("share memory.")


async def test_the_prompt_gets_the_focus_when_a_cell_of_a_lesson_asks_for_input() -> None:
    async with open_playground((80, 24)) as playground:
        await open_lesson(playground, 16)
        await playground.pilot.press("right", "enter")
        await playground.wait_for("pdb>")
        await playground.wait_focused()
        await playground.type("x.shape\n")
        await playground.wait_for("torch.Size([32, 12, 14, 14])", "pdb>")
        await playground.type("c\n")
        await playground.wait_for("Out[2]: torch.Size([32, 10])")


def test_wrapped_code_keeps_its_indentation() -> None:
    code = "def f(x):\n    return first_function(x) + second_function(x)\n\nunbreakable_name_of_a_function()"
    assert [line.plain for line in code_lines(code, 32, UNICODE)] == [
        "│ def f(x):",
        "│     return first_function(x) +",
        "│         second_function(x)",
        "│ ",
        "│ unbreakable_name_of_a_function",
        "│     ()",
    ]
    assert all(line.cell_len <= 20 for line in code_lines(code, 20, ASCII))


def test_the_keys_in_the_texts_of_all_lessons_exist() -> None:
    for lesson in lessons():
        for text in (lesson.closing, *(part for step in lesson.steps for part in (step.text, step.observation))):
            assert "{" not in text.format_map(KEYS_IN_TEXTS), lesson.id
