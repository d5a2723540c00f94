"""`fashion-tui kernel`."""

import shutil
import time

import click

from fashion_tui.cli.output import json_option, write_json
from fashion_tui.cli.place import Place, place_options
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
What is run from there shows up in the Playground too. ctrl+d leaves it; exit would end the kernel.
jupyter console is no part of fashion-tui: pip install jupyter-console brings it. Other front ends,
such as qtconsole and Spyder, take the connection file as well.""",
)
@json_option
@place_options
def kernel_command(*, as_json: bool, place: Place) -> None:
    """Print the command that works in an open Playground's kernel from another terminal; the newest first."""
    del place  # kernels belong to open apps, wherever their runs lie
    kernels = open_kernels()
    if not kernels:
        raise UserError("no app with a kernel is open; open one in another terminal: fashion-tui")
    if as_json:
        write_json(kernels)
        return
    for kernel in kernels:
        click.echo(kernel.command)
        click.echo(f"  since {time.strftime('%H:%M', time.localtime(kernel.started))}, app {kernel.app_pid}", err=True)
    if shutil.which("jupyter-console") is None:
        click.echo("jupyter console isn't found here; it comes with: pip install jupyter-console", err=True)
