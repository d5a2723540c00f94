"""The Playground, with a real kernel and a user's keys."""

import re
from pathlib import Path

import psutil
import pytest

from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.tui.dialogs.dialog import ConfirmDialog
from fashion_tui.tui.lab_app import DatasetState
from tests.dataset_infos import info_for
from tests.tui.pilots import until

from .driver import open_playground


async def test_welcome_and_first_cells() -> None:
    async with open_playground() as playground:
        assert all(text in playground.screen for text in ("ctrl+t", "f1", "After a run", "show(train_data[0])"))
        assert playground.app.focused is playground.prompt
        await playground.type("6*7\n")
        await playground.wait_for("In [1]: 6*7", "Out[1]: 42", "In [2]:")
        await playground.type("for i in range(2):\nprint('row', i)\n")  # the new line is indented
        assert playground.prompt.text == "for i in range(2):\n    print('row', i)\n    "
        await playground.type("\n")  # an empty line ends the loop
        await playground.wait_for("row 0", "row 1", "In [3]:")
        await playground.type("torch.arange(6).reshape(2, 3)\n")
        await playground.wait_for("Out[3]:", "tensor([[0, 1, 2],", "        [3, 4, 5]])")
        await playground.type("len(train_data), classes[0]\n")
        await playground.wait_for("(12000, 'T-shirt/top')")
        await playground.type("1/0\n")
        await playground.wait_for("ZeroDivisionError: division by zero", "In [6]:")


async def test_examples_of_the_welcome_run() -> None:
    async with open_playground() as playground:
        for number in range(1, 4):
            for _ in range(number if number == 1 else 2 * number - 1):
                await playground.pilot.press("up")
            assert playground.prompt.text in playground.screen
            await playground.type("\n")
            shown = "float32 [1, 28, 28] in [0, 1]" if number == 1 else f"Out[{number}]"
            await playground.wait_for(shown, f"In [{number + 1}]:")
        assert "Error" not in playground.screen


async def test_history_and_editing() -> None:
    async with open_playground() as playground:
        await playground.run("x = 1")
        await playground.run("if x:\n    y = 2\n")
        await playground.pilot.press("up")
        assert playground.prompt.text == "if x:\n    y = 2"
        await playground.pilot.press("up")  # moves the cursor from the second to the first line
        assert playground.prompt.cursor_location[0] == 0
        await playground.pilot.press("up")
        assert playground.prompt.text == "x = 1"
        await playground.pilot.press("down", "down")
        assert playground.prompt.text == ""
        await playground.type("x")
        await playground.pilot.press("up")
        assert playground.prompt.text == "x = 1"
        await playground.pilot.press("alt+enter")
        await playground.type("x += 1")
        await playground.pilot.press("up", "enter")  # Enter begins a new line, since there is code after the cursor
        assert playground.prompt.text.count("\n") == 2
        await playground.pilot.press("ctrl+c")  # clears the prompt, since no cell is running
        assert playground.prompt.text == ""
        await playground.pilot.press("ctrl+z")
        assert "x += 1" in playground.prompt.text
    async with open_playground() as playground:
        await playground.pilot.press("up")
        assert playground.prompt.text == "if x:\n    y = 2"


@pytest.mark.parametrize("key", ["shift+enter", "ctrl+enter"])
async def test_keys_that_run_incomplete_code(key: str) -> None:
    async with open_playground() as playground:
        playground.prompt.set_text("x = 20\nx + 1\nx + 2")
        await playground.pilot.press("up", "up", key)  # from any line
        await playground.wait_for("Out[1]: 22", "In [2]:")
        await playground.type("for i in x:")
        await playground.pilot.press(key)
        await playground.wait_for("SyntaxError", "In [3]:")


async def test_tab_completes() -> None:
    async with open_playground() as playground:
        await playground.run("torch.ones(1); value_one = value_two = 1")
        await playground.type("torch.ones_l\t")
        await until(playground.pilot, lambda: playground.prompt.text == "torch.ones_like", "the only match")
        await playground.pilot.press("ctrl+c")
        await playground.type("print(val\t")
        await until(playground.pilot, lambda: playground.menu.is_open, "the menu")
        assert playground.prompt.text == "print(value_"
        await playground.wait_for("value_one", "value_two")
        await playground.pilot.press("tab", "tab")
        assert playground.prompt.text == "print(value_two"
        await playground.pilot.press("shift+tab", "enter")
        assert not playground.menu.is_open
        await playground.type(", 7)\n")
        await playground.wait_for("1 7")
        await playground.type("value_\t")
        await until(playground.pilot, lambda: playground.menu.is_open, "the menu")
        await playground.type("o")  # filters the menu
        await until(playground.pilot, lambda: playground.menu._names == ("value_one",), "one match")
        await playground.pilot.press("escape")
        assert not playground.menu.is_open
        assert playground.app.focused is playground.prompt
        await playground.pilot.press("ctrl+c")
        await playground.type("\t")
        assert playground.prompt.text == "    "


async def test_typing_and_interrupting_while_code_runs() -> None:
    async with open_playground() as playground:
        await playground.type("while True: pass\n")
        if playground.prompt.text:  # an empty line ends the block
            await playground.type("\n")
        await playground.wait_for("running")
        await playground.type("'typed ahead'")
        assert playground.prompt.text == "'typed ahead'"
        await playground.pilot.press("ctrl+c")
        await playground.wait_for("KeyboardInterrupt", "In [2]:")
        await playground.type("\n")
        await playground.wait_for("Out[2]: 'typed ahead'")


async def test_kernel_that_ignores_interrupts_can_be_restarted() -> None:
    async with open_playground() as playground:
        playground.submit("import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass")
        await playground.wait_for("running")
        await playground.pilot.press("ctrl+c")
        await playground.wait_for("interrupt was ignored · ^x restarts the kernel")
        await playground.pilot.press("ctrl+x", "y")
        await playground.wait_for("Kernel restarted", "In [1]:")


async def test_changed_dataset_is_announced() -> None:
    async with open_playground() as playground:
        playground.app.dataset = DatasetState(
            info_for(DatasetRef(name="fashion-mnist", directory="/nowhere", sha256=""))
        )
        await playground.wait_for("now fashion-mnist: restart the kernel")


async def test_cells_are_queued(tmp_path: Path) -> None:
    go = tmp_path / "go"
    async with open_playground() as playground:
        await playground.run(f"import os, time\nwaiting = iter(lambda: os.path.exists({str(go)!r}), True)")
        playground.submit("for _ in waiting: time.sleep(0.01)")
        playground.submit("print('second')")
        await playground.wait_for("1 queued", "In [4]:", "In [2]: for _ in waiting")
        assert "In [3]: print('second')" not in playground.screen
        go.touch()
        await playground.wait_idle()
        await playground.wait_for("In [3]: print('second')", "\n second")


async def test_answering_input() -> None:
    async with open_playground() as playground:
        await playground.type("name = input('who? ')\n")
        await playground.wait_for("waiting for input")
        await playground.type("Ada\n")
        await playground.wait_for("who? Ada", "In [2]:")
        await playground.run("name", "Out[2]: 'Ada'")
        playground.submit("import getpass; getpass.getpass('secret: ')")
        await playground.wait_for("secret:")
        await until(playground.pilot, lambda: playground.prompt.is_answering, "the input")
        await playground.type("hush")
        await playground.wait_for("secret: ••••")
        assert "hush" not in playground.screen
        await playground.type("\n")
        await playground.wait_for("Out[3]: 'hush'")
        playground.submit("input()")
        await until(playground.pilot, lambda: playground.prompt.is_answering, "the input")
        await playground.pilot.press("ctrl+d")
        await playground.wait_for("EOFError")
        playground.submit("input('again? ')")
        await until(playground.pilot, lambda: playground.prompt.is_answering, "the input")
        await playground.pilot.press("ctrl+c")
        await playground.wait_for("KeyboardInterrupt", "In [6]:")
        await playground.pilot.press("up")
        assert playground.prompt.text == "input('again? ')"  # answers aren't in the history


def unwrapped(screen: str) -> str:
    """Return the screen without line breaks and margins, because a long path continues in the next row."""
    return re.sub("\n.", "", screen)


async def test_frames_of_libraries_are_folded_until_a_key_shows_them() -> None:
    async with open_playground((80, 50)) as playground:
        await playground.run("net(torch.rand(2, 3, 28, 28))", "RuntimeError")
        assert "conv1 expects 1 channel, got 3" in playground.screen
        assert playground.screen.index("got 3") < playground.screen.index("Cell In[1], line 1")
        assert "guide.py" in unwrapped(playground.screen)
        assert "library frames" in playground.screen
        assert "module.py" not in unwrapped(playground.screen)
        assert "-----------" not in playground.screen.replace("---->", "").replace("--->", "")
        message = [line.strip() for line in playground.screen.splitlines() if "Given groups=1" in line]
        assert len(message) == 1  # it is wrapped between words
        assert message[0].endswith((",", "have", "to", "expected"))
        await playground.pilot.press("escape", "up", "u")
        await playground.wait_for("frames unfolded", "then u to fold")
        assert "module.py" in unwrapped(playground.screen)
        await playground.pilot.press("u")
        await playground.wait_gone("unfolded")
        assert "library frames" in playground.screen
        assert "module.py" not in unwrapped(playground.screen)


async def test_frames_of_a_recursion_are_folded() -> None:
    async with open_playground() as playground:
        # IPython takes 10 s for 1,000 frames.
        await playground.run("import sys; sys.setrecursionlimit(200)\ndef f(n): return f(n + 1)")
        await playground.run("f(0)", "RecursionError", "repeated frames")
        assert playground.screen.count("line 2, in f(n)") == 1


async def test_numbers_are_not_cut_at_the_edge_of_the_pane() -> None:
    async with open_playground((80, 30)) as playground:
        for width in (60, 140):
            await playground.pilot.resize_terminal(width, 30)
            await playground.run("torch.arange(10.0) / 7", "1.2857")
            lines = [line.text for line in playground.scrollback.lines]
            last = max(index for index, line in enumerate(lines) if "1.2857" in line)
            assert all(len(line) < playground.transcript.size.width for line in lines[last - 1 : last + 1])
            assert all(re.search(r"\b\d\.\d{4}\b", row) for row in playground.screen.splitlines() if "1.2857" in row)


async def test_late_output_appears_below_the_cell_that_caused_it() -> None:
    async with open_playground() as playground:
        await playground.run("import threading\ngo = threading.Event()")
        await playground.run("threading.Thread(target=lambda: (go.wait(), print('late'))).start()")
        await playground.run("'third'", "Out[3]: 'third'")
        await playground.run("go.set(); 'fourth'", "Out[4]: 'fourth'", "late")
        lines = [line.strip() for line in playground.screen.splitlines()]
        start = next(index for index, line in enumerate(lines) if line.startswith("In [2]: threading"))
        assert lines[start + 1 : start + 4] == ["late", "", "In [3]: 'third'"]
        assert lines[start + 4 : start + 7] == ["Out[3]: 'third'", "", "In [4]: go.set(); 'fourth'"]


async def test_output_begins_a_new_line_after_a_progress_bar() -> None:
    code = """\
import sys
for i in range(0, 101, 5):
    sys.stderr.write(f"\\rpart {i:3d} %"); sys.stderr.flush()
sys.stderr.write("\\n")
print("outer", flush=True)
sys.stderr.flush()
print("inner")
"""
    async with open_playground() as playground:
        await playground.run(code, "inner")
        lines = [line.text for line in playground.scrollback.lines]
        assert lines[lines.index("part 100 %") :][:4] == ["part 100 %", "outer", "inner", ""]
        assert sum("part" in line and "%" in line for line in lines) == 2  # the code and the finished bar


async def test_dead_kernel_is_replaced() -> None:
    deaths = {
        "import os; os._exit(3)": "the kernel ended with exit code 3",
        "import ctypes; ctypes.string_at(0)": "the kernel was killed by SIGSEGV",
        "import sys; sys.exit()": "exit() ended the kernel",
    }
    async with open_playground() as playground:
        for code, message in deaths.items():
            await playground.run("kept = 1")
            await playground.run(code, message, "In [1]:")
            await playground.run("'kept' in dir()", "Out[1]: False")


async def test_restart_asks_for_confirmation() -> None:
    async with open_playground() as playground:
        await playground.run("kept = 1")
        before = playground.kernel_pid
        await playground.pilot.press("ctrl+x")
        await until(playground.pilot, lambda: isinstance(playground.app.screen, ConfirmDialog), "the input")
        await playground.pilot.press("n")
        assert playground.kernel_pid == before
        playground.submit("while True: pass")
        await playground.pilot.press("ctrl+x", "y")
        await playground.wait_for("Kernel restarted", "In [1]:")
        assert playground.kernel_pid not in {before, 0}
        await playground.run("'kept' in dir()", "Out[1]: False")


async def test_flood_of_output_keeps_the_newest_lines() -> None:
    async with open_playground() as playground:
        await playground.run("print('\\n'.join(str(i) for i in range(1_000_000)))", "999999")
        scrollback = playground.scrollback
        assert len(scrollback.lines) <= 5_000
        await until(playground.pilot, lambda: playground.transcript.is_vertical_scroll_end, "the end")
        await playground.pilot.press("escape", "home")
        await playground.wait_for("earlier lines discarded")
        assert scrollback.missing_lines + len(scrollback.lines) >= 1_000_000
        await playground.pilot.press("enter")
        assert playground.app.focused is playground.prompt
        await playground.run("1+1", "Out[2]: 2")


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 10)])
async def test_tiny_terminal_breaks_nothing(size: tuple[int, int]) -> None:
    async with open_playground() as playground:
        playground.submit("import time\nwhile True: print('ab\\ncd', end='', flush=True); time.sleep(0.01)")
        await playground.wait_for("cdab")
        await playground.pilot.resize_terminal(*size)
        lines = playground.scrollback.lines
        before = len(lines)
        await until(playground.pilot, lambda: len(lines) > before + 20, "more output")
        await playground.pilot.resize_terminal(99, 30)
        await playground.wait_for("cdab")
        await playground.pilot.press("ctrl+c")
        await playground.wait_for("KeyboardInterrupt")


async def test_output_is_never_interpreted_as_markup_or_control_sequences() -> None:
    async with open_playground() as playground:
        await playground.run(
            r"print('[bold]text[/] \x1b]0;title\x07\x1b[2J.'); '[red]x'", "[bold]text[/] .", "Out[1]: '[red]x'"
        )


async def test_wrapping_and_scrolling_back() -> None:
    async with open_playground((80, 24)) as playground:
        await playground.run("print('a' * 100 + 'END')", "aEND")
        await playground.run("print('漢' * 60 + 'END')", "漢END")
        await playground.run("for i in range(100): print(f'<{i}>')", "<99>")
        await playground.pilot.press("pageup", "pageup")
        assert "<99>" not in playground.screen
        assert playground.app.focused is playground.prompt
        await playground.run("print('more')")
        await playground.wait_for("more")  # running a cell scrolls to its output
        await playground.pilot.resize_terminal(60, 20)
        await playground.wait_for("more")


async def test_code_keeps_running_while_another_pane_is_shown() -> None:
    async with open_playground() as playground:
        playground.submit("import time\nfor i in range(5): time.sleep(0.1); print('tick', i)")
        await playground.pilot.press("f5")
        await playground.wait_gone("In [1]")
        scrollback = playground.scrollback
        await until(playground.pilot, lambda: any(line.text == "tick 4" for line in scrollback.lines), "the last tick")
        await playground.pilot.press("f2")
        await playground.wait_for("tick 4")


async def test_kernel_ends_with_the_app() -> None:
    async with open_playground() as playground:
        playground.submit("while True: pass")
        await playground.wait_for("running")
        pid = playground.kernel_pid
        assert psutil.pid_exists(pid)
    assert not psutil.pid_exists(pid)
