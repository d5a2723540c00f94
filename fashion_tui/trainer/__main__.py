"""`python -m fashion_tui.trainer RUN [--epochs N] [--queue]`: train a run. `runs.launch` starts this process.

With `--spare DATASET` instead of RUN, load the data set and wait for a run on stdin. `runs.spare` starts this process.
With `--find-device NAME`, print the device that torch selects for the name, and the device's key. `trainer.queue`
starts this process.
"""

import argparse
import sys
from pathlib import Path

import msgspec

from fashion_tui.machine.gpus import resolves_to_cpu
from fashion_tui.machine.memory import reuse_freed_memory
from fashion_tui.machine.streams import optional_stream
from fashion_tui.machine.threads import available_cpus, bind_threads, use_brief_spinning
from fashion_tui.runs.run import Run
from fashion_tui.schema.dataset import DatasetRef
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.run import RunConfig

from .process import load_dataset, run_trainer
from .reporting import print_line
from .spare import run_spare_trainer


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fashion_tui.trainer", description="Train a run to completion.")
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("run", type=Path, nargs="?", help="directory of the run")
    target.add_argument("--spare", metavar="DATASET", help="load this data set and wait for a run on stdin")
    target.add_argument("--find-device", metavar="NAME", help="print the device that torch selects, and its key")
    parser.add_argument("--queue", action="store_true", help="wait until no other run uses the device")
    parser.add_argument("--epochs", type=int, help="total number of epochs; overrides the run's configuration")
    options = parser.parse_args()
    # Printing in the user's code must never raise an error, whatever the locale and even if the disk is full.
    sys.stdout = optional_stream(sys.stdout, "utf-8", "replace")
    sys.stderr = optional_stream(sys.stderr, "utf-8", "replace")
    use_brief_spinning()
    reuse_freed_memory()
    try:
        if options.find_device is not None:
            return print_device(options.find_device)
        if options.spare is not None:
            # Bind before torch is imported, although the run isn't known yet: on a CPU, the app's runs use all cores.
            if resolves_to_cpu("auto"):
                bind_threads()
            return run_spare_trainer(msgspec.json.decode(options.spare, type=DatasetRef))
        with Run(options.run) as run:
            if uses_all_cores(run.config):
                bind_threads()
            return run_trainer(run, options.epochs, load_dataset, queue=options.queue)
    except UserError as error:
        print_line(str(error))
        return error.exit_code


def print_device(name: str) -> int:
    """Print the device that torch selects, and the key that identifies it. Raises UserError if torch can't use it."""
    from fashion_tui.lab.devices import choose_device  # noqa: PLC0415 - imports torch

    from .devices import device_key  # noqa: PLC0415

    device = choose_device(name)
    print(device, device_key(device))
    return 0


def uses_all_cores(config: RunConfig) -> bool:
    """Return whether a run trains on the CPU with one thread per core, so that each thread can be bound to a core.

    Return False with `torch.compile`, because its compilers would be bound to the core of the thread that starts them.
    """
    return resolves_to_cpu(config.device) and config.threads == available_cpus() and not config.compiled


if __name__ == "__main__":
    sys.exit(main())
