"""A run outlives the app, however that ends; and the app's own processes don't."""

import signal

import psutil

from tests.terminal import Terminal
from tests.tui.apps import Apps, losses_of, step_on, wait_for_run, wait_for_state, wait_for_step

LONG = 40
"""Epochs of a run that outlasts the test: it is killed at the end."""

SOON = 15.0
"""Seconds within which processes that should end are gone, on a machine with much to do."""


def _with_kernel_and_engine(terminal: Terminal) -> list[psutil.Process]:
    """The app's kernel and engine, once both are there."""
    terminal.press("f3")
    terminal.wait_for("T-shirt/top")  # the engine has answered
    terminal.press("f5")
    started = terminal.process_tree()[1:]
    commands = [" ".join(process.cmdline()) for process in started]
    assert any("fashion_tui.engine" in command for command in commands), commands
    assert any("kernel" in command for command in commands), commands
    return [process for process in started if "fashion_tui.trainer" not in " ".join(process.cmdline())]


def assert_ended(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, SOON)
    assert alive == []


def test_a_run_started_by_keys_goes_on_after_q_and_is_still_learning_when_the_app_is_opened_again(
    app_terminal: Apps,
) -> None:
    with app_terminal() as terminal:
        terminal.wait_for("synthetic garments")
        terminal.press("f5")
        terminal.wait_for("No runs yet")
        terminal.press("n")
        terminal.wait_for("batch size")
        terminal.type("30")  # epochs, in place of the recipe's 3
        terminal.wait_for("30")
        terminal.press("enter")
        terminal.wait_for("img/s")
        terminal.press("q")
        assert terminal.exit_status() == 0
        assert terminal.text_after_exit().startswith("Still running: guide")
        assert terminal.attributes() == terminal.attributes_before
    run_path = next(app_terminal.runs.iterdir())
    step = wait_for_step(run_path, 1).step
    with app_terminal() as terminal:
        terminal.wait_for("● guide")  # on the first pane, before any key
        terminal.press("f5")
        terminal.wait_for("● running")
        terminal.wait_until(lambda screen: step_on(screen) > step, f"a step after {step} is on the screen")
        first = step_on(terminal.text())
        terminal.wait_until(lambda screen: step_on(screen) > first, "the step on the screen grows")


def test_a_lost_terminal_ends_the_app_with_its_processes_and_the_run_goes_on_to_its_end(app_terminal: Apps) -> None:
    terminal = app_terminal()
    terminal.wait_for("synthetic garments")
    own = _with_kernel_and_engine(terminal)
    run_path = app_terminal.train(epochs=3)
    trainer = psutil.Process(wait_for_step(run_path, 1).pid)
    terminal.wait_for("img/s")
    terminal.hang_up()
    terminal.exit_status(SOON)
    assert_ended(own)
    assert trainer.is_running()
    finished = wait_for_state(run_path, "finished")
    assert finished.step == finished.total_steps == 3 * 375
    losses = losses_of(run_path)
    assert len(losses) == finished.step
    assert all(0 < loss < 10 for loss in losses)
    assert_ended([trainer])
    assert app_terminal.processes() == []


def test_left_while_everything_is_still_starting_it_says_nothing(app_terminal: Apps) -> None:
    terminal = app_terminal()
    terminal.wait_for("Playground")
    terminal.press("f3", "f4", "f5", "f6", "ctrl+q")
    assert terminal.exit_status() == 0
    assert terminal.text_after_exit() == ""
    assert_ended(app_terminal.processes())


def test_sigterm_leaves_the_terminal_as_it_was(app_terminal: Apps) -> None:
    terminal = app_terminal()
    terminal.wait_for("synthetic garments")
    own = _with_kernel_and_engine(terminal)
    assert terminal.attributes() != terminal.attributes_before
    terminal.send_signal(signal.SIGTERM)
    assert terminal.exit_status(SOON) == 128 + signal.SIGTERM
    assert terminal.attributes() == terminal.attributes_before
    for on, off in {"?1049h": "?1049l", "?1003h": "?1003l", "?2004h": "?2004l", "?25l": "?25h"}.items():
        assert on.encode() in terminal.output
        assert terminal.output.rindex(off.encode()) > terminal.output.rindex(on.encode()), off
    assert terminal.text_after_exit() == ""
    assert_ended(own)


def test_a_killed_app_takes_its_kernel_and_engine_along_and_leaves_the_run(app_terminal: Apps) -> None:
    terminal = app_terminal()
    terminal.wait_for("synthetic garments")
    own = _with_kernel_and_engine(terminal)
    run_path = app_terminal.train(epochs=LONG)
    wait_for_step(run_path, 1)
    terminal.send_signal(signal.SIGKILL)
    assert terminal.exit_status() == -signal.SIGKILL
    assert_ended(own)
    step = wait_for_run(run_path, lambda run: run.state == "running").step
    wait_for_step(run_path, step + 1)
