"""Cells produce the same outputs as in IPython."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from fashion_tui.kernel import connection
from fashion_tui.kernel.outputs import (
    Completeness,
    Display,
    Done,
    Error,
    InputRequested,
    Inspection,
    Late,
    NextInput,
    Output,
    Result,
    StateChanged,
    Stream,
)
from fashion_tui.kernel.session import KernelSession
from tests.suspension import suspended

from .cells import PATIENCE, displayed, done, eventually, joined, pid_of, printed, result, run, run_until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_result_has_the_number_of_its_cell(session: KernelSession) -> None:
    await run(session, "globals().pop('_', None); None")  # IPython doesn't replace a `_` that another test assigned
    outputs = await run(session, "6 * 7")
    assert isinstance(outputs[0], Result)
    assert outputs[0].text == "42"
    assert done(outputs) == Done("ok", outputs[0].execution_count)
    following = await run(session, f"_, Out[{outputs[0].execution_count}]")
    assert following == [Result(outputs[0].execution_count + 1, "(42, 42)"), Done("ok", outputs[0].execution_count + 1)]


async def test_long_values_are_formatted_as_in_ipython(session: KernelSession) -> None:
    text = result(await run(session, "{number: 'x' * 30 for number in range(3)}"))
    assert text == "{0: '{x}',\n 1: '{x}',\n 2: '{x}'}".replace("{x}", "x" * 30)


async def test_tensors_are_formatted_as_in_torch(session: KernelSession) -> None:
    code = "A = torch.tensor(3., requires_grad=True); B = A * 2; B.backward(); A.grad, B, nn.ReLU(), F.relu(-A)"
    text = result(await run(session, code))
    assert "tensor(2.)" in text
    assert "tensor(6., grad_fn=<MulBackward0>)" in text
    assert "ReLU()" in text
    assert "ReluBackward0" in text


async def test_output_arrives_while_the_code_runs(session: KernelSession) -> None:
    task = await run_until(session, "print('first'); input()", lambda output: isinstance(output, InputRequested))
    assert not task.done()
    await session.send_input("")
    assert printed(await task) == "first\n"


async def test_stdout_and_stderr_keep_their_order(session: KernelSession) -> None:
    outputs = await run(session, "import sys\nprint('out', flush=True)\nprint('err', file=sys.stderr)")
    assert joined(outputs[:-1]) == [Stream("stdout", "out\n"), Stream("stderr", "err\n")]


@pytest.mark.parametrize(
    "code",
    [
        "import os; _ = os.write(1, b'seen\\n')",
        "!echo seen",
        "import subprocess; _ = subprocess.run(['echo', 'seen'])",
        "import ctypes; _ = ctypes.CDLL(None).puts(b'seen'), ctypes.CDLL(None).fflush(None)",
        "import sys; _ = sys.__stdout__.write('seen\\n'), sys.__stdout__.flush()",
        "import logging; logging.warning('seen')",
        "import os\nif not os.fork():\n  print('seen', flush=True)\n  os._exit(0)\n_ = os.wait()",
    ],
)
async def test_output_of_any_origin_is_captured(
    session: KernelSession, code: str, capfd: pytest.CaptureFixture[str]
) -> None:
    outputs = await run(session, code + "\nimport time; time.sleep(0.5)")
    assert "seen" in printed(outputs) + printed(outputs, "stderr")
    assert capfd.readouterr() == ("", "")


async def test_strings_that_are_not_utf_8_are_shown(session: KernelSession) -> None:
    """File names may be such strings. A cell must neither lose its output nor hang."""
    assert printed(await run(session, "print('caf\\udce9 \\ud800')")) == "caf\ufffd \ufffd\n"
    assert result(await run(session, "type('x', (), {'__repr__': lambda self: 'y\\udce9'})()")) == "y\ufffd"
    outputs = await run(session, "raise ValueError('caf\\udce9')")
    (error,) = [output for output in outputs if isinstance(output, Error)]
    assert error.evalue == "caf\ufffd"
    assert done(outputs).status == "error"


async def test_display_and_documentation(session: KernelSession) -> None:
    assert displayed(await run(session, "display(1); display('two')")) == ["1", "'two'"]
    (text,) = displayed(await run(session, "len?"))
    assert "Return the number of items" in text
    await run(session, "def doubled(x):\n    'Twice as much.'\n    return 2 * x  # the source")
    (text,) = displayed(await run(session, "doubled?"))
    assert "Twice as much." in text
    assert "the source" not in text
    (text,) = displayed(await run(session, "doubled??"))
    assert "the source" in text


async def test_an_object_with_html_is_shown_as_text(session: KernelSession) -> None:
    code = "class Fancy:\n  def _repr_html_(self): return '<b>html</b>'\n  def __repr__(self): return 'plain'\nFancy()"
    assert result(await run(session, code)) == "plain"


async def test_an_error_has_a_coloured_traceback(session: KernelSession) -> None:
    outputs = await run(session, "def divide(): return 1 / 0\ndivide()")
    error = outputs[0]
    assert isinstance(error, Error)
    assert (error.ename, error.evalue) == ("ZeroDivisionError", "division by zero")
    assert "divide" in error.traceback
    assert "\x1b[" in error.traceback
    assert done(outputs).status == "error"


async def test_an_error_says_which_frames_are_those_of_libraries(session: KernelSession) -> None:
    error = (await run(session, "net(torch.rand(2, 3, 28, 28))"))[0]
    assert isinstance(error, Error)
    assert "1 channel, got 3" in error.explanation
    shown = [part.text for part in error.parts if not part.is_library]
    folded = [part.text for part in error.parts if part.is_library]
    assert "\n".join(part.text for part in error.parts) == error.traceback
    assert sum("Cell" in text for text in shown) == 1
    assert sum("guide.py" in text for text in shown) == 1
    assert len(folded) > 2
    assert all("torch" in text for text in folded)
    error = (await run(session, "import json\njson.loads('{')"))[0]
    assert isinstance(error, Error)
    assert error.explanation == ""
    assert sum(part.is_library for part in error.parts) >= 2


async def set_width(session: KernelSession, columns: int) -> None:
    """Set the width, and wait until the kernel has received it. Otherwise, the next cell might start before."""
    session.set_width(columns)
    while result(await run(session, "os.environ['COLUMNS']")) != repr(str(columns)):
        pass


async def test_output_has_the_width_of_the_transcript(session: KernelSession) -> None:
    await run(session, "import os, shutil, numpy as np")
    for columns in (50, 120):
        await set_width(session, columns)
        assert result(await run(session, "shutil.get_terminal_size().columns")) == str(columns)
        lines = printed(await run(session, "print(torch.rand(100)); print(np.linspace(0, 1, 99))")).splitlines()
        assert columns - 20 < max(map(len, lines)) <= columns
    await run(session, "torch.set_printoptions(linewidth=30)")
    await set_width(session, 100)
    assert max(map(len, printed(await run(session, "print(torch.rand(100))")).splitlines())) <= 30
    await run(session, "torch.set_printoptions(linewidth=100)")


async def test_a_syntax_error_is_an_error(session: KernelSession) -> None:
    error = (await run(session, "1 +"))[0]
    assert isinstance(error, Error)
    assert error.ename == "SyntaxError"


async def test_magics_and_await(session: KernelSession) -> None:
    assert "per loop" in printed(await run(session, "%timeit -n1 -r1 torch.ones(2)"))
    # `!` runs commands on a terminal, which ends lines with \r\n.
    assert printed(await run(session, "!echo hi")).split() == ["hi"]
    assert result(await run(session, "lines = !echo hi\nlines")) == "['hi']"
    assert result(await run(session, "import asyncio\nawait asyncio.sleep(0.01, 'awaited')")) == "'awaited'"
    count = done(await run(session, "recalled = 1")).execution_count
    assert NextInput("recalled = 1") in await run(session, f"%recall {count}")


async def test_waiting_cells_run_in_order_even_after_an_error(session: KernelSession) -> None:
    codes = ["print(1); 1 / 0", "print(2)", "print(3)"]
    all_outputs = await asyncio.gather(*(run(session, code) for code in codes))
    assert [printed(outputs) for outputs in all_outputs] == ["1\n", "2\n", "3\n"]
    assert [done(outputs).status for outputs in all_outputs] == ["error", "ok", "ok"]


async def test_input_waits_for_a_line(session: KernelSession) -> None:
    task = await run_until(
        session, "name = input('who? '); name * 2", lambda output: isinstance(output, InputRequested)
    )
    await session.send_input("ab")
    outputs = await task
    assert InputRequested("who? ", password=False) in outputs
    assert result(outputs) == "'abab'"


async def test_passwords_and_end_of_input(session: KernelSession) -> None:
    code = "import getpass; getpass.getpass('secret: ')"
    task = await run_until(session, code, lambda output: isinstance(output, InputRequested))
    await session.send_input("x")
    assert InputRequested("secret: ", password=True) in await task

    task = await run_until(session, "input()", lambda output: isinstance(output, InputRequested))
    await session.send_input(None)
    errors = [output.ename for output in await task if isinstance(output, Error)]
    assert errors == ["EOFError"]


@pytest.mark.parametrize(
    "code",
    [
        "print('go', flush=True)\nwhile True: pass",
        "input('go')",
        "import asyncio; print('go', flush=True)\nawait asyncio.sleep(100)",
    ],
)
async def test_ctrl_c_interrupts(session: KernelSession, code: str) -> None:
    task = await run_until(session, code, lambda output: isinstance(output, Stream | InputRequested))
    await session.interrupt()
    outputs = await asyncio.wait_for(task, PATIENCE)
    assert any(isinstance(output, Error) for output in outputs)
    assert done(outputs).status == "error"
    assert result(await run(session, "'alive'")) == "'alive'"


async def test_an_interrupt_between_the_end_of_the_code_and_the_reply_aborts_the_cell(session: KernelSession) -> None:
    await run(session, "import os, signal, time\nipykernel = get_ipython().kernel")
    code = """\
def interrupted(*_):
    del ipykernel.finish_metadata
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(10)
ipykernel.finish_metadata = interrupted
'done'"""
    outputs = await run(session, code)
    (value,) = [output for output in outputs if isinstance(output, Result)]
    assert done(outputs) == Done("aborted", value.execution_count)
    assert session.state == "idle"
    following = await run(session, "'alive'")
    assert following[0] == Result(value.execution_count + 1, "'alive'")


async def test_an_interrupt_at_the_end_of_a_cell_is_not_reported_as_an_error(session: KernelSession) -> None:
    code = """\
import os, signal, sys, time
waiting = sys.stdout
def interrupted():
    del waiting.drain
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(10)
waiting.drain = interrupted
_ = os.write(2, b"seen\\n")"""
    outputs = await run(session, code)
    assert outputs[:-1] == [Stream("stderr", "seen\n")]
    assert done(outputs).status == "ok"


@pytest.mark.parametrize("patience", [1.0, 0.0])
async def test_an_interrupt_right_after_a_cell_is_sent_waits_until_it_has_started(
    session: KernelSession, patience: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_CELL_START_TIMEOUT", patience)
    for _ in range(5):  # ipykernel ignores SIGINT until it has started the cell
        cell = asyncio.create_task(run(session, "while True: pass"))
        await asyncio.sleep(0)
        assert session.state == "busy"
        await session.interrupt()
        outputs = await asyncio.wait_for(cell, PATIENCE)
        assert done(outputs).status in {"error", "aborted"}  # aborted if it was interrupted before its first line


async def test_an_interrupt_after_a_request_does_not_end_the_kernel(session: KernelSession) -> None:
    code = """\
import os, signal
ipykernel = get_ipython().kernel
after = ipykernel.post_handler_hook
def interrupted():
    ipykernel.post_handler_hook = after
    os.kill(os.getpid(), signal.SIGINT)
    after()
ipykernel.post_handler_hook = interrupted"""
    pid = pid_of(session)
    assert done(await run(session, code)).status == "ok"
    assert result(await run(session, "'alive'")) == "'alive'"
    assert pid_of(session) == pid


async def test_a_cell_ends_if_an_interrupt_prevents_both_its_reply_and_its_idle_message(session: KernelSession) -> None:
    await run(session, "ipykernel = get_ipython().kernel")
    code = """\
send = ipykernel.session.send
def dropped(stream, message, *arguments, **options):
    if message == "execute_reply":
        return None
    if message == "status" and arguments[0]["execution_state"] == "idle":
        ipykernel.session.send = send  # all later messages arrive
        return None
    return send(stream, message, *arguments, **options)
ipykernel.session.send = dropped
print("go", flush=True)
while True: pass"""
    task = await run_until(session, code, lambda output: isinstance(output, Stream))
    await session.interrupt()
    outputs = await asyncio.wait_for(task, PATIENCE)
    assert done(outputs).status == "aborted"
    assert result(await run(session, "'alive'")) == "'alive'"


async def test_a_cell_that_catches_the_interrupt_runs_to_its_end(session: KernelSession) -> None:
    code = """\
import asyncio, time
print("go", flush=True)
try:
    await asyncio.sleep(100)
except asyncio.CancelledError:
    time.sleep(2.5)  # longer than the check for a lost reply takes
'complete'"""
    task = await run_until(session, code, lambda output: isinstance(output, Stream))
    await session.interrupt()
    outputs = await asyncio.wait_for(task, PATIENCE)
    assert result(outputs) == "'complete'"
    assert done(outputs).status == "ok"


async def test_an_interrupt_of_an_idle_kernel_does_nothing(session: KernelSession) -> None:
    await run(session, "kept = 5")
    await session.interrupt()
    assert result(await run(session, "kept")) == "5"


async def test_the_kernel_has_its_own_session_so_ctrl_c_in_the_terminal_does_not_reach_it(
    session: KernelSession,
) -> None:
    assert session.pid is not None
    assert os.getsid(session.pid) != os.getsid(0)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("1 + 1", Completeness("complete")),
        ("for i in range(3):", Completeness("incomplete", "    ")),
        ("f(1,", Completeness("incomplete", "  ")),
        ("1 +* 2", Completeness("invalid")),
        ("%timeit 1", Completeness("complete")),
    ],
)
async def test_is_complete(session: KernelSession, code: str, expected: Completeness) -> None:
    completeness = await session.is_complete(code, max_wait=PATIENCE)
    assert completeness.status == expected.status
    assert completeness.indent == expected.indent or completeness.status == "incomplete"


async def test_complete_uses_live_objects(session: KernelSession) -> None:
    await run(session, "my_long_name = torch.ones(2)")
    completions = await session.complete("print(my_lo", 11, max_wait=PATIENCE)
    assert completions.matches == ("my_long_name",)
    assert (completions.start, completions.end) == (6, 11)
    assert ".weight" in (await session.complete("net.conv1.we", 12, max_wait=PATIENCE)).matches
    assert any(
        match.endswith("randn_like")
        for match in (await session.complete("torch.randn_", 12, max_wait=PATIENCE)).matches
    )
    assert (await session.complete("nothing_like_it", 15, max_wait=PATIENCE)).matches == ()


async def test_requests_are_answered_while_code_runs(session: KernelSession) -> None:
    await run(session, "my_long_name = 1")
    task = await run_until(
        session, "print('go', flush=True)\nwhile True: pass", lambda output: isinstance(output, Stream)
    )
    try:
        assert (await session.complete("my_lo", 5, max_wait=PATIENCE)).matches == ("my_long_name",)
        assert (await session.is_complete("if 1:", max_wait=PATIENCE)).status == "incomplete"
    finally:
        await session.interrupt()
        await task


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("torch.nn.Linear|", "in_features"),
        ("torch.nn.Linear(|", "in_features"),
        ("x = torch.randn(2, |", "randn(*size"),
        ("print(torch.ones(2|), 3", "ones(*size"),
        ("len(\n    torch.zeros(|", "zeros(*size"),
        ("net.con|v1", "Conv2d"),
    ],
)
async def test_inspect_documents_the_name_or_the_call_at_the_cursor(
    session: KernelSession, code: str, expected: str
) -> None:
    inspection = await session.inspect(code.replace("|", ""), code.index("|"), max_wait=PATIENCE)
    assert inspection.status == "found"
    assert expected in inspection.text
    assert "\x1b[" in inspection.text


@pytest.mark.parametrize("code", ["nothing_like_it", "", "1 + 1"])
async def test_inspect_without_a_known_name_finds_nothing(session: KernelSession, code: str) -> None:
    assert await session.inspect(code, len(code), max_wait=PATIENCE) == Inspection("missing")


async def test_requests_without_a_reply_time_out(session: KernelSession) -> None:
    with suspended(pid_of(session)):
        started = time.monotonic()
        assert await session.is_complete("1", max_wait=0.1) == Completeness("unknown")
        assert (await session.complete("pri", 3, max_wait=0.1)).matches == ()
        assert await session.inspect("print", 3, max_wait=0.1) == Inspection("unknown")
        assert time.monotonic() - started < 5


@pytest.mark.parametrize("code", ["breakpoint()", "import pdb; pdb.set_trace()"])
async def test_a_breakpoint_opens_the_debugger(session: KernelSession, code: str) -> None:
    cell = f"def double(x):\n    {code}\n    return 2 * x\ndouble(21)"
    answers, outputs = ["p x + 1", "x = 4", "c"], list[Output]()
    async with asyncio.timeout(PATIENCE):
        async for output in session.execute(cell):
            outputs.append(output)
            if isinstance(output, InputRequested):
                await session.send_input(answers.pop(0))
    assert "22\n" in printed(outputs)
    assert result(outputs) == "8"


@pytest.mark.parametrize("code", ["breakpoint()", "import pdb; pdb.set_trace()"])
async def test_an_interrupt_at_the_debuggers_prompt_ends_the_cell(session: KernelSession, code: str) -> None:
    cell = f"stops = 0\nfor _ in range(3):\n    stops += 1\n    {code}\n'not reached'"
    prompts, outputs = 0, list[Output]()
    async with asyncio.timeout(PATIENCE):
        async for output in session.execute(cell):
            outputs.append(output)
            if isinstance(output, InputRequested):
                prompts += 1
                await session.interrupt()
    assert prompts == 1
    assert "KeyboardInterrupt" in printed(outputs)
    assert not any(isinstance(output, Result) for output in outputs)
    assert result(await run(session, "stops")) == "1"


async def test_an_interrupt_of_an_expression_at_the_debuggers_prompt_keeps_the_prompt(session: KernelSession) -> None:
    cell = "import time\nbreakpoint()\n'complete'"
    answers, outputs = ["print('go', flush=True) or time.sleep(100)", "c"], list[Output]()
    async with asyncio.timeout(PATIENCE):
        async for output in session.execute(cell):
            outputs.append(output)
            if isinstance(output, InputRequested):
                await session.send_input(answers.pop(0))
            elif isinstance(output, Stream) and "go\n" in output.text:
                await session.interrupt()
    assert result(outputs) == "'complete'"


async def test_a_script_that_exits_does_not_end_the_kernel(session: KernelSession, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import sys\nprint('in the script')\nsys.exit(3)\n")
    outputs = await run(session, f"kept = 5\n%run {script}")
    assert printed(outputs) == "in the script\n"
    assert [output.evalue for output in outputs if isinstance(output, Error)] == ["3"]
    assert result(await run(session, "kept")) == "5"


@pytest.mark.parametrize(
    "code",
    [
        "sys.stdout.close()",
        "sys.stderr.close(); sys.stdout.close()",
        "sys.stdout = None",
        "sys.stdout = 3; 'shown'",
        "del sys.stdout, sys.stderr; display('shown')",
        "sys.stdout = open(os.devnull, 'w'); sys.stdout.close(); 1 / 0",
        "with open(os.devnull, 'w') as sys.stdout, open(os.devnull, 'w') as sys.stderr: print('unseen')",
        "sys.stdout = sys.__stdout__",
    ],
)
async def test_a_cell_that_breaks_the_streams_does_not_break_the_session(session: KernelSession, code: str) -> None:
    outputs = await run(session, f"import os, sys\n{code}")
    assert any(isinstance(output, Result | Display) for output in outputs) == ("shown" in code)
    assert [output.ename for output in outputs if isinstance(output, Error)] == ["ZeroDivisionError"] * (
        "1 / 0" in code
    )
    outputs = await run(session, "print('out', flush=True); print('err', file=sys.stderr); 7")
    assert (printed(outputs), printed(outputs, "stderr"), result(outputs)) == ("out\n", "err\n", "7")


async def test_a_cell_can_redirect_the_output_of_later_cells(session: KernelSession) -> None:
    await run(session, "import io, sys\nsys.stdout = io.StringIO()")
    assert printed(await run(session, "print('kept')")) == ""
    assert result(await run(session, "text = sys.stdout.getvalue(); sys.stdout = sys.__stdout__; text")) == r"'kept\n'"
    assert printed(await run(session, "print('shown')")) == "shown\n"


async def test_output_to_the_file_descriptor_belongs_to_its_cell(session: KernelSession) -> None:
    for number in range(20):
        outputs = await run(session, f"import os; _ = os.write(1, 'ä{number}'.encode() * 1_000)")
        assert printed(outputs) == f"ä{number}" * 1_000


async def test_late_output_belongs_to_the_cell_that_started_its_thread(session: KernelSession) -> None:
    late: list[Output] = []

    async def listen() -> None:
        async for output in session.events():
            if isinstance(output, Late):
                late.append(output)  # noqa: PERF401 -- endless

    listening = asyncio.create_task(listen())
    thread = "threading.Thread(target=lambda: (go.wait(), print('late', flush=True), sys.stderr.write('bar')))"
    code = f"import sys, threading; go = threading.Event(); thread = {thread}; thread.start()"
    async with asyncio.timeout(PATIENCE):
        assert printed([output async for output in session.execute(code, "first")]) == ""
        outputs = [output async for output in session.execute("go.set(); thread.join(); print('mine')", "second")]
    assert printed(outputs) == "mine\n"
    await eventually(lambda: len(late) == 2)
    assert late == [Late("first", Stream("stdout", "late\n")), Late("first", Stream("stderr", "bar"))]
    listening.cancel()


async def test_late_output_of_a_thread_is_an_event(session: KernelSession) -> None:
    seen: list[Output] = []

    async def listen() -> None:
        async for output in session.events():
            seen.append(output)
            if isinstance(output, Stream) and "later" in output.text:
                return

    listening = asyncio.create_task(listen())
    code = "import threading; threading.Timer(0.3, lambda: print('later')).start()"
    assert done(await run(session, code)).status == "ok"
    await asyncio.wait_for(listening, PATIENCE)
    assert StateChanged("busy") in seen
    assert not any(isinstance(output, Display) for output in seen)
