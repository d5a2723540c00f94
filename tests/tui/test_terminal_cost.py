"""What the app costs the machine and the line while a run goes on: torch stays out, memory and traffic small."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.terminal import Activity, ProcessMemory
from tests.tui.apps import Apps, wait_for_step

MOST_MEMORY = 90.0
"""MiB, of the app's own process."""

MOST_TRAFFIC = 4.0
"""KiB a second on a screen of 120×40."""

FIRST_PAINTING = 3.0
WATCHED = 10.0
"""Seconds of a live run."""

RECORDS_ITS_MODULES = """
import atexit, json, os, pathlib, sys
from fashion_tui.cli import main
atexit.register(lambda: pathlib.Path(os.environ["MODULES_FILE"]).write_text(json.dumps(sorted(sys.modules))))
main()
"""


@dataclass(frozen=True, slots=True)
class Costs:
    """Of one app that has visited all panes and shows a live run."""

    memory: list[ProcessMemory]
    flow: Activity
    mapped: str
    """`/proc/PID/maps` of the app's own process."""
    modules: list[str]
    """Its `sys.modules` when it ended."""
    step_before: int
    step_after: int


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Costs]:
    folder = tmp_path_factory.mktemp("cost")
    apps = Apps(folder / "world")
    try:
        yield _measure(apps, folder / "modules.json")
    finally:
        apps.end()


def _measure(apps: Apps, modules_file: Path) -> Costs:
    run_path = apps.train(epochs=60)
    terminal = apps(command=(sys.executable, "-c", RECORDS_ITS_MODULES), environ={"MODULES_FILE": str(modules_file)})
    terminal.wait_for("In [1]")
    for key, content in {"f3": "T-shirt/top", "f4": "204,542", "f6": "recall", "f5": "img/s"}.items():
        terminal.press(key)
        terminal.wait_for(content)
    before = wait_for_step(run_path, 1)
    terminal.measure_activity(FIRST_PAINTING)  # of the pane, and of the curves so far
    flow = terminal.measure_activity(WATCHED)
    after = wait_for_step(run_path, 1)
    memory = terminal.memory()
    mapped = Path(f"/proc/{terminal.pid}/maps").read_text()
    terminal.press("q")
    assert terminal.exit_status() == 0
    return Costs(memory, flow, mapped, json.loads(modules_file.read_text()), before.step, after.step)


def test_torch_never_comes_into_the_app(costs: Costs) -> None:
    of_every_pane = {f"fashion_tui.tui.{name}.pane" for name in ("playground", "data", "model", "train", "evaluate")}
    assert of_every_pane <= set(costs.modules)
    heavy = ("torch", "torchvision", "fashion_tui.lab", "fashion_tui.trainer", "IPython", "ipykernel", "matplotlib")
    assert [
        name for name in costs.modules if name.startswith(tuple(f"{part}." for part in heavy)) or name in heavy
    ] == []
    assert "libtorch" not in costs.mapped
    assert "libpython" in costs.mapped or "python" in costs.mapped  # the right process was looked at


def test_the_app_stays_small(costs: Costs) -> None:
    ours = costs.memory[0]
    figures = f"{ours.resident:.1f} MiB resident, {ours.proportional:.1f} MiB proportional"
    print(f"\nthe app's own process: {figures}")
    assert ours.resident <= MOST_MEMORY, figures


def test_a_live_run_costs_little_on_the_line(costs: Costs) -> None:
    assert costs.step_after > costs.step_before
    flow = costs.flow
    figures = (
        f"{flow.kib_per_second:.2f} KiB/s in {flow.writes / flow.seconds:.1f} writes/s over {flow.seconds:.1f} s, "
        f"{(costs.step_after - costs.step_before) / flow.seconds:.0f} steps/s"
    )
    print(f"\na live run: {figures}")
    assert 0 < flow.kib_per_second <= MOST_TRAFFIC, figures
