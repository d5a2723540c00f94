"""The entry point: the group of commands, and what becomes of errors."""

import importlib
import os
import sys
from typing import Any, NoReturn

import click

from fashion_tui import __version__
from fashion_tui.schema.errors import UserError

from .app import open_app
from .place import Place, place_options
from .status import DONE, FAILED, INTERRUPTED

COMMANDS = {
    "train": ("training", "Train a network: a new run, with a progress bar."),
    "runs": ("runs", "List the runs, newest first."),
    "attach": ("attach", "Open the app on a run."),
    "pause": ("control", "Let a run wait where it is."),
    "resume": ("resume", "Let a run go on, with a new trainer where none lives."),
    "stop": ("control", "End a run early, after a checkpoint."),
    "checkpoint": ("control", "Let a run write a checkpoint now."),
    "eval": ("evaluation", "What a run's network makes of the test set."),
    "shapes": ("shapes", "The way of the shape through a network, layer by layer."),
    "export": ("export", "Write a run's weights for other programs."),
    "kernel": ("kernel", "How to work in an open Playground's kernel from another terminal."),
    "bench": ("bench", "Measure this machine: the guide's own loop against our recipes."),
    "doctor": ("doctor", "What works on this machine, and what to do about what doesn't."),
}
"""Each command's module in `commands` and its line in the help, which so needs no import of the module."""


class Commands(click.Group):
    """Imports a command's module only when the command is called, so that `--help` is there at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"fashion_tui.cli.commands.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  fashion-tui                                  open the app
  fashion-tui train                            train the guide's network
  fashion-tui train --dataset synthetic        the same on drawn garments: no download
  fashion-tui eval latest                      how good is it?
  fashion-tui COMMAND --help                   more about a command""",
)
@place_options
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.pass_context
def fashion_tui(context: click.Context, place: Place) -> None:
    """A laboratory for PyTorch in a terminal: learn, train and understand a neural network on Fashion-MNIST.

    Without a command it opens the app.
    """
    context.obj = place
    if context.invoked_subcommand is None:
        open_app(place, attach=None)


def main() -> NoReturn:
    """Runs the command line of this process and exits with its status."""
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - it was closed
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")  # a terminal without Unicode loses beauty, not the answer
    sys.exit(_status(sys.argv[1:]))


def _status(arguments: list[str]) -> int:
    """Exit status of a call; errors of a person are told in one line on stderr."""
    try:
        status = fashion_tui.main(arguments, prog_name="fashion-tui", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        return _complain(_usage_line(error), error.exit_code)
    except UserError as error:
        return _complain(str(error), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has left: nothing to say, and nobody to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        return _complain(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", FAILED)
    return status if isinstance(status, int) else DONE


def _complain(line: str, status: int) -> int:
    click.echo(f"fashion-tui: {' '.join(line.split())}", err=True)
    return status


def _usage_line(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "fashion-tui"
    return f"{error.format_message().rstrip('.')} (see: {path} --help)"
