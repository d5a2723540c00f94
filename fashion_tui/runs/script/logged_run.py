"""Log the metrics of a training script, so that its run is listed, plotted, compared and watched like a trained one.

from fashion_tui.runs import log_run

with log_run("my-net", config={"lr": 0.001}) as run:
    for step in range(1000):
        …
        run.log(step, loss=loss, accuracy=accuracy)
        if run.should_stop:
            break
"""

import atexit
import os
import reprlib
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakSet

from fashion_tui.runs.create import create_logged_run
from fashion_tui.runs.location import default_runs_dir
from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.events import End, Failed, ScriptEnded, Stopped
from fashion_tui.schema.paths import user_path
from fashion_tui.schema.text import encodable, one_line

from .settings import json_settings
from .values import snapshot
from .writer import RunWriter, print_warning

if TYPE_CHECKING:
    from fashion_tui.lab.training.watching import ModelWatcher

MAX_NAME = 200

CLOSED = "the run has ended"
OTHER_PROCESS = "only the process that called log_run can log to a run"


class LoggedRun:
    """A run that a script logs. Create it with `log_run`.

    An error in this class never stops the script: it is reported in one line on stderr, once for each kind of error.
    """

    def __init__(self, name: str, config: object, runs: str | os.PathLike[str] | None) -> None:
        self.path: Path | None = None
        """The run's directory, or None if it couldn't be created."""
        self._writer: RunWriter | None = None
        self._watcher: ModelWatcher | None = None
        self._refusal: str | None = None
        """Why the run can't be logged to, or None if it can."""
        self._has_refused = False
        settings, problem = json_settings(config)
        try:
            run = create_logged_run(
                default_runs_dir() if runs is None else _runs_dir(runs),
                name=one_line(encodable(str(name)), MAX_NAME),
                script=_script(),
                settings=settings,
            )
            self.path = run.path
            self._writer = RunWriter(run)
        except Exception as error:  # noqa: BLE001 - the script continues without the run
            self._refusal = "the run couldn't be created"
            self._has_refused = True
            print_warning(f"{error}; the script continues, but nothing is logged")
            return
        if problem is not None:
            self._writer.warn("config", problem)
        _open_runs.add(self)

    @property
    def id(self) -> str | None:
        """Id of the run, or None if it couldn't be created."""
        return None if self.path is None else self.path.name

    @property
    def should_stop(self) -> bool:
        """Whether a user has asked the script to stop, in the app or with `fashion-tui stop`."""
        return self._writer is not None and self._writer.should_stop

    def log(self, step: int, /, **metrics: Any) -> None:
        """Log metrics of a step: numbers, or tensors with one element, which are read later in another thread.

        Names may be arbitrary: `run.log(step, **{"loss/validation": 0.3})`. The steps of a metric must not decrease. If
        a step is logged twice, its last value counts. A metric that is None isn't logged.
        """
        if self._refusal is not None or self._writer is None:
            self._refuse()
            return
        for name, value in metrics.items():
            if type(value) is not float:
                try:
                    metrics[name] = snapshot(value)
                except Exception as error:  # noqa: BLE001 - the value may be of any type
                    metrics[name] = None
                    self._writer.warn("value", f"{name!r} isn't logged: {one_line(str(error))}; log a single number")
        watcher = self._watcher
        self._writer.rows.add(step, metrics, None if watcher is None else watcher.take())

    def watch(self, model: Any) -> None:
        """Log metrics of the layers of a `torch.nn.Module`, about once a second, as for a trained run.

        For each layer: the norm of its gradient, the size of its update, and the share of dead ReLUs. They are measured
        while the script trains the model, and logged by the next call of `log`. Copies of the model aren't measured.

        The model may be copied, saved, compiled, traced and exported while it is watched. `torch.jit.script` can't
        compile hooks: call it before `watch` or after the run, and not on a copy made in between.
        """
        if self._refusal is not None or self._writer is None:
            self._refuse()
            return
        if self._watcher is not None:
            self._watcher.close()
        try:
            # A script that has a model has imported torch already.
            from fashion_tui.lab.training.watching import ModelWatcher  # noqa: PLC0415

            self._watcher = ModelWatcher(model, partial(self._writer.warn, "watch"))
        except Exception as error:  # noqa: BLE001 - the model may be any object
            self._writer.warn("watch", f"the layers aren't measured: {one_line(str(error))}")

    def close(self, error: BaseException | None = None) -> None:
        """End the run. The end of a `with` block does this, too. `error` is the exception that ended the script.

        A run without a `with` block ends with the script.
        """
        if self._refusal is not None or self._writer is None:
            return
        self._refusal = CLOSED
        _open_runs.discard(self)
        if self._watcher is not None:
            self._watcher.close()
        self._writer.close(_end(error, was_stopped=self.should_stop))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(error)

    def __reduce__(self) -> tuple[Callable[[], "LoggedRun"], tuple[()]]:
        """Make copies in other processes log nothing. The arguments of a process are pickled."""
        return _in_other_process, ()

    def _refuse(self) -> None:
        if not self._has_refused:
            self._has_refused = True
            print_warning(f"this isn't logged: {self._refusal}")

    def _leave_to_parent(self) -> None:
        """Log nothing in a forked process. The parent process continues to log the run."""
        if self._watcher is not None:
            self._watcher.close()
        if self._writer is not None:
            self._writer.rows.clear()
        self._writer, self._watcher, self._refusal = None, None, OTHER_PROCESS


_open_runs: "WeakSet[LoggedRun]" = WeakSet()


def log_run(name: str, config: object = None, *, runs: str | os.PathLike[str] | None = None) -> LoggedRun:
    """Start a run that the calling script logs. Use it in a `with` statement.

    `config` is a dict, dataclass or `argparse.Namespace` of the script's settings. `runs` is the folder for runs. By
    default, it is $FASHION_TUI_RUNS, else the folder in the settings file, else the platform's state directory.

    If the run can't be created, a line on stderr says why, and the script continues without logging.
    """
    return LoggedRun(name, config, runs)


def _in_other_process() -> LoggedRun:
    run = LoggedRun.__new__(LoggedRun)
    run.path, run._writer, run._watcher = None, None, None  # noqa: SLF001
    run._refusal, run._has_refused = OTHER_PROCESS, False  # noqa: SLF001
    return run


def _runs_dir(runs: object) -> Path:
    if not isinstance(runs, str | os.PathLike):
        raise UsageError(f"runs is {reprlib.repr(runs)}, but must be a path")
    return user_path(Path(runs), "runs")


def _script() -> str | None:
    name = os.path.basename(sys.argv[0]) if sys.argv else ""  # noqa: PTH119 - an argument may be any string
    return None if name in {"", "-", "-c"} else one_line(encodable(name), MAX_NAME)


def _end(error: BaseException | None, *, was_stopped: bool) -> Callable[[int, float], End]:
    """Return a function that creates the event of the end of the run from its last step and duration."""
    if isinstance(error, SystemExit) and error.code in {None, 0}:
        error = None
    if isinstance(error, KeyboardInterrupt):
        return lambda step, _: Stopped(time=time.time(), step=step, epoch=0, reason="SIGINT")
    if isinstance(error, Exception | SystemExit):
        return partial(_failed, _last_line(error))
    if was_stopped:
        return lambda step, _: Stopped(time=time.time(), step=step, epoch=0, reason="asked")
    return lambda step, seconds: ScriptEnded(time=time.time(), step=step, seconds=seconds)


def _failed(message: str, step: int, _seconds: float) -> Failed:
    return Failed(time=time.time(), step=step, message=message)


def _last_line(error: BaseException) -> str:
    """Return the line of a traceback that names the error, such as `ValueError: x is negative`."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    try:
        lines = str(error).strip().splitlines()
    except Exception:  # noqa: BLE001 - the error may be the user's
        lines = []
    return one_line(f"{name}: {lines[0]}" if lines else name)


def _close_all() -> None:
    """End the runs that are still open when the script ends."""
    error = getattr(sys, "last_value", None)
    for run in list(_open_runs):
        with suppress(Exception):
            run.close(error)


def _after_fork() -> None:
    for run in list(_open_runs):
        run._leave_to_parent()  # noqa: SLF001
    _open_runs.clear()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_after_fork)
