"""`python -m fashion_tui.trainer RUN [--epochs N]`: trains a run to its end. Started by `runs.launch`."""

import argparse
import sys
from pathlib import Path

from fashion_tui.threads import let_waiting_threads_spin_on_a_quiet_machine

from .process import run_trainer


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fashion_tui.trainer", description="Train a run to its end.")
    parser.add_argument("run", type=Path, help="the run's directory")
    parser.add_argument("--epochs", type=int, help="train for so many epochs in all, in place of the configured number")
    options = parser.parse_args()
    let_waiting_threads_spin_on_a_quiet_machine()
    return run_trainer(options.run, options.epochs)


if __name__ == "__main__":
    sys.exit(main())
