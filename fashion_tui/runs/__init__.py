"""Read and write the files of a run. This package imports neither torch nor a terminal library.

The trainer of a run and its viewers share only files, so a viewer can start, exit or hang at any time without affecting
the trainer.

The module `run` contains the class `Run`, which represents a run as one object. It uses `folder` to open files,
`records` for the configuration and status, `events` and `follow` for the log, `checkpoints`, `control` for requests,
`lock`, `notes` for what the user has written, and `trust` for custom models. `location` finds the runs folder, `store`
finds and lists its runs, `fields` and `filter` select and sort them, `trash` deletes them, `create` creates them,
`reader` follows one run for a viewer, and `launch` and `spare` start trainers.

A user's own script logs a run with `log_run`, which is in the package `script`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .script.logged_run import log_run

__all__ = ["log_run"]


def __getattr__(name: str) -> Any:
    """Import `log_run` when it is used, because the app imports this package before it paints."""
    if name != "log_run":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .script.logged_run import log_run  # noqa: PLC0415

    return log_run
