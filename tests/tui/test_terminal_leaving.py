"""However the app ends, its runs continue, and its kernel and engine end."""

import signal

import psutil

from tests.terminal import Terminal
from tests.tui.apps import AppLauncher, losses_of, step_on, wait_for_run, wait_for_state, wait_for_step

MANY_EPOCHS = 40
"""Enough epochs for a run that is still training when the test ends."""

EXIT_TIMEOUT = 60.0
"""Timeout for processes to end, in seconds; generous, for a busy machine."""


def _kernel_and_engine(terminal: Terminal) -> list[psutil.Process]:
    """Wait for the app's kernel and engine, and return them."""
    terminal.press("f4")
    terminal.wait_for("204,542")  # the engine has answered
    terminal.press("f5")
    started = terminal.process_tree()[1:]
    commands = [" ".join(process.cmdline()) for process in started]
    assert any("fashion_tui.engine" in command for command in commands), commands
    assert any("kernel" in command for command in commands), commands
    return [process for process in started if "fashion_tui.trainer" not in " ".join(process.cmdline())]


def assert_ended(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, EXIT_TIMEOUT)
    assert alive == []


def test_run_continues_after_q_and_is_shown_when_the_app_is_opened_again(
    app_terminal: AppLauncher,
) -> None:
    with app_terminal() as terminal:
        terminal.wait_for("synthetic garments")
        terminal.press("f5")
        terminal.wait_for("No runs yet")
        terminal.press("n")
        terminal.wait_for("batch size")
        terminal.type("30")  # epochs, replacing the recipe's 3
        terminal.wait_for("30")
        terminal.press("enter")
        terminal.wait_for("img/s")
        terminal.press("q")
        assert terminal.exit_status() == 0
        assert terminal.text_after_exit().startswith("Still running: guide")
        assert terminal.attributes() == terminal.attributes_before
    run_path = next(app_terminal.runs.glob("[!.]*"))
    step = wait_for_step(run_path, 1).step
    with app_terminal() as terminal:
        terminal.wait_for("● guide")  # the app's header shows the run
        terminal.press("f5")
        terminal.wait_for("● running")
        terminal.wait_until(lambda screen: step_on(screen) > step, f"a step after {step}")
        first = step_on(terminal.text())
        terminal.wait_until(lambda screen: step_on(screen) > first, f"a step after {first}")


def test_lost_terminal_ends_the_app_and_the_run_finishes(
    app_terminal: AppLauncher,
) -> None:
    terminal = app_terminal()
    terminal.wait_for("synthetic garments")
    children = _kernel_and_engine(terminal)
    run_path = app_terminal.train(epochs=2)
    trainer = psutil.Process(wait_for_step(run_path, 1).pid)
    terminal.wait_for("img/s")
    terminal.hang_up()
    terminal.exit_status(EXIT_TIMEOUT)
    assert_ended(children)
    assert trainer.is_running()
    finished = wait_for_state(run_path, "finished")
    assert finished.step == finished.total_steps == 2 * 375
    losses = losses_of(run_path)
    assert len(losses) == finished.step
    assert all(0 < loss < 10 for loss in losses)
    assert_ended([trainer])
    assert app_terminal.processes() == []


def test_quitting_while_everything_starts_prints_nothing(app_terminal: AppLauncher) -> None:
    terminal = app_terminal()
    terminal.wait_for("Playground")
    terminal.press("f3", "f4", "f5", "f6", "ctrl+q")
    assert terminal.exit_status() == 0
    assert terminal.text_after_exit() == ""
    assert_ended(app_terminal.processes())


def test_sigterm_restores_the_terminal(app_terminal: AppLauncher) -> None:
    terminal = app_terminal()
    terminal.wait_for("synthetic garments")
    children = _kernel_and_engine(terminal)
    assert terminal.attributes() != terminal.attributes_before
    terminal.send_signal(signal.SIGTERM)
    assert terminal.exit_status(EXIT_TIMEOUT) == 128 + signal.SIGTERM
    assert terminal.attributes() == terminal.attributes_before
    for on, off in {"?1049h": "?1049l", "?1003h": "?1003l", "?2004h": "?2004l", "?25l": "?25h"}.items():
        assert on.encode() in terminal.output
        assert terminal.output.rindex(off.encode()) > terminal.output.rindex(on.encode()), off
    assert terminal.text_after_exit() == ""
    assert_ended(children)


def test_kernel_and_engine_end_with_a_killed_app_and_the_run_continues(app_terminal: AppLauncher) -> None:
    terminal = app_terminal()
    terminal.wait_for("synthetic garments")
    children = _kernel_and_engine(terminal)
    run_path = app_terminal.train(epochs=MANY_EPOCHS)
    wait_for_step(run_path, 1)
    terminal.send_signal(signal.SIGKILL)
    assert terminal.exit_status() == -signal.SIGKILL
    assert_ended(children)
    step = wait_for_run(run_path, lambda run: run.state == "running").step
    wait_for_step(run_path, step + 1)
