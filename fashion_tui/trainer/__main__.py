"""`python -m fashion_tui.trainer RUN [--epochs N]`: trains a run to its end. Started by `runs.launch`.

`--stand-by DATASET` in place of RUN: waits on stdin for the run. Started by `runs.stand_by`.
"""

import argparse
import sys
from pathlib import Path

from fashion_tui.machine.gpus import resolves_to_cpu
from fashion_tui.machine.memory import reuse_freed_memory
from fashion_tui.machine.threads import available_cpus, bind_threads, use_brief_spinning
from fashion_tui.runs.run import Run
from fashion_tui.schema.errors import UserError

from .preparation import Preparation
from .process import run_trainer
from .stand_by import stand_by


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fashion_tui.trainer", description="Train a run to its end.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("run", type=Path, nargs="?", help="the run's directory")
    what.add_argument("--stand-by", metavar="DATASET", help="wait on stdin for the run, with this data set read")
    parser.add_argument("--epochs", type=int, help="train for so many epochs in all, in place of the configured number")
    options = parser.parse_args()
    use_brief_spinning()
    if takes_all_cores(options.run):
        bind_threads()
    reuse_freed_memory()
    if options.stand_by is not None:
        return stand_by(options.stand_by)
    return run_trainer(options.run, options.epochs, Preparation())


def takes_all_cores(run_path: Path | None) -> bool:
    """Whether the run computes in as many threads as there are cores; None: whichever comes, as the app starts them.

    Not with `torch.compile`, whose compilers would all be bound to the core of the thread that starts them.
    """
    if run_path is None:
        return resolves_to_cpu("auto")
    try:
        with Run(run_path) as run:
            config = run.config
    except UserError:  # the trainer will tell
        return False
    return resolves_to_cpu(config.device) and config.threads == available_cpus() and not config.compiled


if __name__ == "__main__":
    sys.exit(main())
