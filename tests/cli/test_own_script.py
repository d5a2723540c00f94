"""The example in the README, run as a standalone script, and the output of the commands for its run."""

import csv
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest

from fashion_tui.schema.run import State

from .conftest import Call

README = Path(__file__).parents[2] / "README.md"

TIMEOUT = 90
"""Maximum time for a script to get to the next line of a test, in seconds."""

CRASH = """
import sys
from fashion_tui.runs import log_run
with log_run("crash") as run:
    run.log(1, loss=0.5)
    assert not {"torch", "textual", "rich", "numpy", "click"} & set(sys.modules)
    raise ValueError("the loss is too good\\nto be true")
"""

UNTIL_STOPPED = """
import itertools, time
from fashion_tui.runs import log_run
with log_run("slow", config={"lr": 0.5}) as run:
    for step in itertools.count():
        run.log(step, cost=1 / (step + 1))
        if run.should_stop:
            break
        time.sleep(0.01)
print(step)
"""


def example() -> str:
    (found,) = [code for code in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL) if "log_run" in code]
    return str(found)


@contextmanager
def started(folder: Path, code: str, environment: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """Start a script in its own folder. It imports the installed package, as a user's script does."""
    script = folder / "my_script.py"
    script.write_text(code)
    (folder / "runs").mkdir()
    variables = environment | {"FASHION_TUI_RUNS": str(folder / "runs")}
    process = subprocess.Popen(
        [sys.executable, script], cwd=folder, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_example_in_the_readme_is_logged(
    tmp_path: Path, environment: dict[str, str], call_in_process: Call
) -> None:
    runs = tmp_path / "runs"
    prints = "        print(loss.item())\n        if run.should_stop"
    code = example().replace("range(500)", "range(100)").replace("        if run.should_stop", prints)
    with started(tmp_path, code, environment) as script:
        out, err = script.communicate(timeout=TIMEOUT)
    assert (script.returncode, err) == (0, "")
    losses = [float(line) for line in out.splitlines()]
    assert len(losses) == 100

    (listed,) = call_in_process("runs", "--runs", runs, "--json").json
    assert [listed[name] for name in ("kind", "state", "step", "loss")] == ["logged", "finished", 99, losses[-1]]
    rows = list(csv.DictReader(StringIO(call_in_process("runs", "product", "--csv", "--runs", runs).out)))
    assert [(int(row["step"]), float(row["loss"])) for row in rows] == list(enumerate(losses))
    watched = {"gradient_norm", *(f"{name}/{layer}" for name in ("gradient_norm", "update_ratio") for layer in "02")}
    assert rows[0].keys() == {"step", "time", "loss", "dead_relus/0"} | watched
    measured = [int(row["step"]) for row in rows if row["gradient_norm"]]
    assert 1 <= len(measured) <= listed["train_seconds"] + 1
    compared = call_in_process("compare", "product", "product", "--runs", runs, "--json").json
    assert compared["metrics"]["loss"]["last"] == [losses[-1]] * 2
    assert compared["metrics"]["loss"]["best"] == [min(losses)] * 2


def test_a_crash_is_shown_with_the_last_line_of_its_traceback(
    tmp_path: Path, environment: dict[str, str], call_in_process: Call
) -> None:
    with started(tmp_path, CRASH, environment) as script:
        _, err = script.communicate(timeout=TIMEOUT)
    assert "ValueError: the loss is too good" in err
    (listed,) = call_in_process("runs", "--runs", tmp_path / "runs", "--json").json
    assert (listed["state"], listed["step"]) == ("failed", 1)
    assert listed["message"] == "ValueError: the loss is too good"


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_script_is_watched_and_stopped(
    end: str, tmp_path: Path, environment: dict[str, str], call_in_process: Call
) -> None:
    runs = tmp_path / "runs"

    def state() -> tuple[State, int]:
        listed = call_in_process("runs", "--runs", runs, "--json").json
        return (listed[0]["state"], listed[0]["step"]) if listed else ("starting", 0)

    with started(tmp_path, UNTIL_STOPPED, environment) as script:
        deadline = time.monotonic() + TIMEOUT
        while state()[1] == 0:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert state()[0] == "running"
        if end == "kill":
            os.kill(script.pid, signal.SIGKILL)
            script.wait()
            assert state()[0] == "lost"
            return
        stopped = call_in_process("stop", "latest", "--runs", runs, "--json").json
        last_step = int(script.communicate(timeout=TIMEOUT)[0])
    assert (stopped["state"], stopped["from_step"]) == ("stopped", last_step)
    assert state() == ("stopped", last_step)
