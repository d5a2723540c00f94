"""The Playground as a person uses it: the app, a real kernel, and keys."""

from pathlib import Path

import psutil
import pytest

from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.tui.dialogs.dialog import ConfirmDialog
from fashion_tui.tui.lab_app import DatasetState
from tests.tui.pilots import until

from .driver import playground


async def test_it_opens_with_a_welcome_and_runs_what_is_typed() -> None:
    async with playground() as it:
        assert "Some things to try" in it.screen
        assert it.app.focused is it.prompt
        await it.type("6*7\n")
        await it.sees("In [1]: 6*7", "Out[1]: 42", "In [2]:")
        await it.type("for i in range(2):\nprint('row', i)\n")  # the new line is indented by itself
        assert it.prompt.text == "for i in range(2):\n    print('row', i)\n    "
        await it.type("\n")  # an empty line ends it
        await it.sees("row 0", "row 1", "In [3]:")
        await it.type("torch.arange(6).reshape(2, 3)\n")
        await it.sees("Out[3]:", "tensor([[0, 1, 2],", "        [3, 4, 5]])")
        await it.type("len(train_data), classes[0]\n")
        await it.sees("(12000, 'T-shirt/top')")
        await it.type("1/0\n")
        await it.sees("ZeroDivisionError: division by zero", "In [6]:")


async def test_the_examples_of_the_welcome_run() -> None:
    async with playground() as it:
        for number in range(1, 4):
            for _ in range(number if number == 1 else 2 * number - 1):
                await it.pilot.press("up")
            assert it.prompt.text in it.screen
            await it.type("\n")
            shown = "float32 [1, 28, 28] in [0, 1]" if number == 1 else f"Out[{number}]"
            await it.sees(shown, f"In [{number + 1}]:")
        assert "Error" not in it.screen


async def test_history_and_editing() -> None:
    async with playground() as it:
        await it.run("x = 1")
        await it.run("if x:\n    y = 2\n")
        await it.pilot.press("up")
        assert it.prompt.text == "if x:\n    y = 2"
        await it.pilot.press("up")  # within the two lines
        assert it.prompt.cursor_location[0] == 0
        await it.pilot.press("up")
        assert it.prompt.text == "x = 1"
        await it.pilot.press("down", "down")
        assert it.prompt.text == ""
        await it.type("x")
        await it.pilot.press("up")
        assert it.prompt.text == "x = 1"
        await it.pilot.press("alt+enter")
        await it.type("x += 1")
        await it.pilot.press("up", "enter")  # in the midst of several lines: a new one
        assert it.prompt.text.count("\n") == 2
        await it.pilot.press("ctrl+c")  # nothing runs: what was typed goes
        assert it.prompt.text == ""
        await it.pilot.press("ctrl+z")
        assert "x += 1" in it.prompt.text
    async with playground() as it:
        await it.pilot.press("up")
        assert it.prompt.text == "if x:\n    y = 2"


@pytest.mark.parametrize("key", ["shift+enter", "ctrl+enter"])
async def test_these_keys_run_at_once_whatever_is_typed(key: str) -> None:
    async with playground() as it:
        it.prompt.put("x = 20\nx + 1\nx + 2")
        await it.pilot.press("up", "up", key)  # in the midst of it
        await it.sees("Out[1]: 22", "In [2]:")
        await it.type("for i in x:")
        await it.pilot.press(key)
        await it.sees("SyntaxError", "In [3]:")


async def test_tab_completes() -> None:
    async with playground() as it:
        await it.run("torch.ones(1); value_one = value_two = 1")
        await it.type("torch.ones_l\t")
        await until(it.pilot, lambda: it.prompt.text == "torch.ones_like", "the only name")
        await it.pilot.press("ctrl+c")
        await it.type("print(val\t")
        await until(it.pilot, lambda: it.candidates.is_open, "candidates")
        assert it.prompt.text == "print(value_"
        await it.sees("value_one", "value_two")
        await it.pilot.press("tab", "tab")
        assert it.prompt.text == "print(value_two"
        await it.pilot.press("shift+tab", "enter")
        assert not it.candidates.is_open
        await it.type(", 7)\n")
        await it.sees("1 7")
        await it.type("value_\t")
        await until(it.pilot, lambda: it.candidates.is_open, "candidates")
        await it.type("o")  # narrows them down
        await until(it.pilot, lambda: it.candidates._names == ("value_one",), "one candidate")
        await it.pilot.press("escape")
        assert not it.candidates.is_open
        assert it.app.focused is it.prompt
        await it.pilot.press("ctrl+c")
        await it.type("\t")
        assert it.prompt.text == "    "


async def test_ctrl_c_interrupts_and_one_can_type_meanwhile() -> None:
    async with playground() as it:
        await it.type("while True: pass\n")
        if it.prompt.text:  # a block waits for an empty line
            await it.type("\n")
        await it.sees("running")
        await it.type("'typed ahead'")
        assert it.prompt.text == "'typed ahead'"
        await it.pilot.press("ctrl+c")
        await it.sees("KeyboardInterrupt", "In [2]:")
        await it.type("\n")
        await it.sees("Out[2]: 'typed ahead'")


async def test_code_that_heeds_no_interrupt_can_be_restarted() -> None:
    async with playground() as it:
        it.prompt.put("import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass")
        it.prompt.action_run()
        await it.sees("running")
        await it.pilot.press("ctrl+c")
        await it.sees("it doesn't stop · ^x restarts the kernel")
        await it.pilot.press("ctrl+x", "y")
        await it.sees("a fresh kernel", "In [1]:")


async def test_new_data_is_told_of() -> None:
    async with playground() as it:
        it.app.dataset = DatasetState(DatasetRef(name="fashion-mnist", directory="/nowhere", sha256=""))
        await it.sees("fashion-mnist is there now; restart the kernel")


async def test_cells_wait_their_turn(tmp_path: Path) -> None:
    go = tmp_path / "go"
    async with playground() as it:
        await it.run(f"import os, time\nwaiting = iter(lambda: os.path.exists({str(go)!r}), True)")
        it.prompt.put("for _ in waiting: time.sleep(0.01)")
        it.prompt.action_run()
        it.prompt.put("print('second')")
        it.prompt.action_run()
        await it.sees("1 more wait", "In [4]:", "In [2]: for _ in waiting")
        assert "In [3]: print('second')" not in it.screen
        go.touch()
        await it.rest()
        await it.sees("In [3]: print('second')", "\n second")


async def test_input_is_answered_in_the_prompt() -> None:
    async with playground() as it:
        await it.type("name = input('who? ')\n")
        await it.sees("the code waits for an answer")
        await it.type("Ada\n")
        await it.sees("who? Ada", "In [2]:")
        await it.run("name", "Out[2]: 'Ada'")
        it.prompt.put("import getpass; getpass.getpass('secret: ')")
        it.prompt.action_run()
        await it.sees("secret:")
        await until(it.pilot, lambda: it.prompt._answering, "the question")
        await it.type("hush")
        await it.sees("secret: ••••")
        assert "hush" not in it.screen
        await it.type("\n")
        await it.sees("Out[3]: 'hush'")
        it.prompt.put("input()")
        it.prompt.action_run()
        await until(it.pilot, lambda: it.prompt._answering, "the question")
        await it.pilot.press("ctrl+d")
        await it.sees("EOFError")
        it.prompt.put("input('again? ')")
        it.prompt.action_run()
        await until(it.pilot, lambda: it.prompt._answering, "the question")
        await it.pilot.press("ctrl+c")
        await it.sees("KeyboardInterrupt", "In [6]:")
        await it.pilot.press("up")
        assert it.prompt.text == "input('again? ')"  # answers aren't remembered


async def test_a_dead_kernel_is_told_of_and_replaced() -> None:
    deaths = {
        "import os; os._exit(3)": "the kernel ended with exit code 3",
        "import ctypes; ctypes.string_at(0)": "the kernel was killed by SIGSEGV",
        "import sys; sys.exit()": "sys.exit() ended the kernel",
    }
    async with playground() as it:
        for code, what in deaths.items():
            await it.run("kept = 1")
            await it.run(code, what, "In [1]:")
            await it.run("'kept' in dir()", "Out[1]: False")


async def test_restart_asks_first() -> None:
    async with playground() as it:
        await it.run("kept = 1")
        before = it.kernel
        await it.pilot.press("ctrl+x")
        await until(it.pilot, lambda: isinstance(it.app.screen, ConfirmDialog), "the question")
        await it.pilot.press("n")
        assert it.kernel == before
        it.prompt.put("while True: pass")
        it.prompt.action_run()
        await it.pilot.press("ctrl+x", "y")
        await it.sees("a fresh kernel", "In [1]:")
        assert it.kernel not in {before, 0}
        await it.run("'kept' in dir()", "Out[1]: False")


async def test_a_flood_leaves_the_newest_lines_and_room_to_type() -> None:
    async with playground() as it:
        await it.run("print('\\n'.join(str(i) for i in range(1_000_000)))", "999999")
        record = it.pane._conversation.record
        assert len(record.lines) <= 5_000
        await until(it.pilot, lambda: it.transcript.is_vertical_scroll_end, "the end")
        await it.pilot.press("escape", "home")
        await it.sees("earlier lines are no longer kept")
        assert record.lost + len(record.lines) >= 1_000_000
        await it.pilot.press("enter")
        assert it.app.focused is it.prompt
        await it.run("1+1", "Out[2]: 2")


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 10)])
async def test_a_terminal_too_small_for_anything_breaks_nothing(size: tuple[int, int]) -> None:
    async with playground() as it:
        it.prompt.put("import time\nwhile True: print('ab\\ncd', end='', flush=True); time.sleep(0.01)")
        it.prompt.action_run()
        await it.sees("cdab")
        await it.pilot.resize_terminal(*size)
        lines = it.pane._conversation.record.lines
        before = len(lines)
        await until(it.pilot, lambda: len(lines) > before + 20, "more output")
        await it.pilot.resize_terminal(99, 30)
        await it.sees("cdab")
        await it.pilot.press("ctrl+c")
        await it.sees("KeyboardInterrupt")


async def test_output_is_text_and_never_markup_or_commands() -> None:
    async with playground() as it:
        await it.run(
            r"print('[bold]text[/] \x1b]0;title\x07\x1b[2J.'); '[red]x'", "[bold]text[/] .", "Out[1]: '[red]x'"
        )


async def test_long_lines_go_on_in_the_next_row_and_the_transcript_can_be_read_back() -> None:
    async with playground((80, 24)) as it:
        await it.run("print('a' * 100 + 'END')", "aEND")
        await it.run("print('漢' * 60 + 'END')", "漢END")
        await it.run("for i in range(100): print(f'<{i}>')", "<99>")
        await it.pilot.press("pageup", "pageup")
        assert "<99>" not in it.screen
        assert it.app.focused is it.prompt
        await it.run("print('more')")
        await it.sees("more")  # what is run is seen
        await it.pilot.resize_terminal(60, 20)
        await it.sees("more")


async def test_it_goes_on_while_another_pane_is_shown() -> None:
    async with playground() as it:
        it.prompt.put("import time\nfor i in range(5): time.sleep(0.1); print('tick', i)")
        it.prompt.action_run()
        await it.pilot.press("f5")
        await it.sees_no("In [1]")
        record = it.pane._conversation.record
        await until(it.pilot, lambda: any(line.text == "tick 4" for line in record.lines), "the last tick")
        await it.pilot.press("f2")
        await it.sees("tick 4")


async def test_leaving_ends_the_kernel() -> None:
    async with playground() as it:
        it.prompt.put("while True: pass")
        it.prompt.action_run()
        await it.sees("running")
        kernel = it.kernel
        assert psutil.pid_exists(kernel)
    assert not psutil.pid_exists(kernel)
