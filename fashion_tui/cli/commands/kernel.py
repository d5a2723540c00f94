"""`fashion-tui kernel`."""

import shutil
import time

import click

from fashion_tui.cli.options import CommonOptions, common_options, json_option
from fashion_tui.cli.output import print_line, write_json
from fashion_tui.kernel.runtime_directory import open_kernels
from fashion_tui.schema.errors import UserError


@click.command(
    "kernel",
    epilog="""\b
Examples:
  fashion-tui kernel
  eval "$(fashion-tui kernel | head -1)"
  fashion-tui kernel --json | jq -r '.[0].connection_file'
\b
Cells that you run in the other terminal also appear in the Playground. To disconnect, press
ctrl+d; exit would end the kernel. jupyter console isn't part of fashion-tui: pip install
jupyter-console. Other front ends, such as qtconsole and Spyder, accept the connection file, too.""",
)
@json_option
@common_options
def kernel_command(*, as_json: bool, common: CommonOptions) -> None:
    """Print the command that connects another terminal to the Playground.

    One command is printed for each open app, newest first.
    """
    del common  # --data, --dataset and --runs have no effect here
    kernels = open_kernels()
    if not kernels:
        raise UserError("no app with a kernel is running; start one in another terminal: fashion-tui")
    if as_json:
        write_json(kernels)
        return
    for kernel in kernels:
        print_line(kernel.command)
        started = time.strftime("%H:%M", time.localtime(kernel.started))
        print_line(f"  app {kernel.app_pid}, started at {started}", err=True)
    if shutil.which("jupyter-console") is None:
        print_line("jupyter console isn't installed; install it with: pip install jupyter-console", err=True)
