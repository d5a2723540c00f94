"""Memory and terminal output of the app during a live run, and the modules that it imports."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.terminal import Activity, ProcessMemory
from tests.tui.apps import AppLauncher, wait_for_step

MAX_MEMORY = 95.0
"""Maximum resident memory of the app's own process, in MiB."""

MAX_OUTPUT = 4.0
"""Maximum output at 120×40, in KiB per second."""

SETTLING = 2.0
MEASURED = 5.0
"""Seconds to wait before the measurement, and duration of the measurement in seconds."""

RECORD_MODULES = """
import atexit, json, os, pathlib, sys
from fashion_tui.cli import main
atexit.register(lambda: pathlib.Path(os.environ["MODULES_FILE"]).write_text(json.dumps(sorted(sys.modules))))
main()
"""


@dataclass(frozen=True, slots=True)
class Costs:
    """Memory, output and modules of an app that has shown all panes and now shows a live run."""

    memory: list[ProcessMemory]
    output: Activity
    mapped: str
    """`/proc/PID/maps` of the app."""
    modules: list[str]
    """`sys.modules` at exit."""
    step_before: int
    step_after: int


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Costs]:
    folder = tmp_path_factory.mktemp("cost")
    launcher = AppLauncher(folder / "app")
    try:
        yield _measure(launcher, folder / "modules.json")
    finally:
        launcher.end()


def _measure(launcher: AppLauncher, modules_file: Path) -> Costs:
    run_path = launcher.train(epochs=60)
    terminal = launcher(command=(sys.executable, "-c", RECORD_MODULES), environ={"MODULES_FILE": str(modules_file)})
    terminal.wait_for("In [1]")
    for key, content in {"f3": "T-shirt/top", "f4": "204,542", "f6": "recall", "f5": "img/s"}.items():
        terminal.press(key)
        terminal.wait_for(content)
    before = wait_for_step(run_path, 1)
    terminal.measure_activity(SETTLING)  # until the pane and the first curves are drawn
    output = terminal.measure_activity(MEASURED)
    after = wait_for_step(run_path, 1)
    memory = terminal.memory()
    mapped = Path(f"/proc/{terminal.pid}/maps").read_text()
    terminal.press("q")
    assert terminal.exit_status() == 0
    return Costs(memory, output, mapped, json.loads(modules_file.read_text()), before.step, after.step)


def test_app_never_imports_torch(costs: Costs) -> None:
    panes = {f"fashion_tui.tui.{name}.pane" for name in ("playground", "data", "model", "train", "evaluate")}
    assert panes <= set(costs.modules)
    heavy = ("torch", "torchvision", "fashion_tui.lab", "fashion_tui.trainer", "IPython", "ipykernel", "matplotlib")
    assert [
        name for name in costs.modules if name.startswith(tuple(f"{part}." for part in heavy)) or name in heavy
    ] == []
    assert "libtorch" not in costs.mapped
    assert "libpython" in costs.mapped or "python" in costs.mapped  # otherwise this is the wrong process


def test_memory(costs: Costs) -> None:
    process = costs.memory[0]
    result = f"{process.resident:.1f} MiB resident, {process.proportional:.1f} MiB proportional"
    print(f"\nmemory of the app: {result}")
    assert process.resident <= MAX_MEMORY, result


def test_output_of_a_live_run(costs: Costs) -> None:
    assert costs.step_after > costs.step_before
    output = costs.output
    steps_per_second = (costs.step_after - costs.step_before) / output.seconds
    result = (
        f"{output.kib_per_second:.2f} KiB/s in {output.writes / output.seconds:.1f} writes/s "
        f"over {output.seconds:.1f} s, {steps_per_second:.0f} steps/s"
    )
    print(f"\na live run: {result}")
    assert 0 < output.kib_per_second <= MAX_OUTPUT, result
