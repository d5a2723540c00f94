"""The entry point: the command group, and the conversion of errors to exit statuses."""

import importlib
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from fashion_tui import __version__
from fashion_tui.machine.streams import optional_stream
from fashion_tui.report.glyphs import ASCII_ERRORS, terminal_glyphs
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.paths import is_utf8
from fashion_tui.schema.text import printable
from fashion_tui.settings import user_settings

from .app import open_app
from .options import CommonOptions, common_options
from .suggestions import suggestion_for

OK, FAILED, INTERRUPTED = 0, 1, 130
"""Exit statuses. For a UserError, the exit status is its `exit_code` attribute."""

SECTIONS = {
    "Train a network": {
        "train": "Train a network in a new run.",
        "lr-find": "Suggest a learning rate, and plot the loss against the learning rate.",
        "pause": "Pause a run.",
        "resume": "Resume a paused, stopped or lost run in the background.",
        "stop": "Save a checkpoint and stop a run.",
        "checkpoint": "Save a checkpoint of a run now.",
    },
    "Look at runs": {
        "runs": "List all runs, newest first, or show the metrics of one run.",
        "attach": "Open a run in the app.",
        "eval": "Evaluate a run on the test set or on its held-out images.",
        "predict": "Predict the classes of image files.",
        "export": "Export the network of a run to a file.",
        "compare": "Compare the settings, metrics and predictions of runs.",
        "verify": "Repeat steps of a run and compare the results bit for bit.",
    },
    "Check a data set": {
        "audit": "Find duplicate images and suspicious labels in a data set.",
        "mark": "Mark images of a data set whose labels are wrong, or list the marks.",
    },
    "Organise runs": {
        "rename": "Give a run a title.",
        "tag": "Add tags to a run, or remove them.",
        "note": "Write a note on a run, or print it.",
        "delete": "Move runs to the trash, after asking for confirmation.",
        "restore": "Move runs from the trash back to the runs folder.",
    },
    "Understand and experiment": {
        "shapes": "Show the tensor shape after every layer and function.",
        "kernel": "Print the command that connects another terminal to the Playground.",
    },
    "Check this machine": {
        "doctor": "Check the installation and say how to fix problems.",
        "settings": "Show the settings and the path of their file.",
        "completion": "Print a script that completes commands in a shell.",
        "bench": "Compare the recipes with the guide's training loop.",
    },
}
"""Sections of `--help`. The summaries repeat the first sentences of the commands' docstrings, so that `--help` needn't
import the modules of `commands`."""

COMMANDS = {name: summary for commands in SECTIONS.values() for name, summary in commands.items()}

MODULES = {
    **dict.fromkeys(("pause", "resume", "stop", "checkpoint"), "control"),
    **dict.fromkeys(("rename", "tag", "note"), "notes"),
    **dict.fromkeys(("delete", "restore"), "trash"),
    "lr-find": "lr_find",
}
"""Maps a command to the name of its module, if the names differ."""


class CommandGroup(click.Group):
    """A group that imports a command's module only when the command is called, to keep `--help` fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"fashion_tui.cli.commands.{MODULES.get(cmd_name, cmd_name)}")
        command: click.Command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list["CompletionItem[str]"]:
        """Complete commands without importing their modules."""
        commands = [CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)]
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        width = max(map(len, COMMANDS))
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), summary) for name, summary in commands.items()])


def _print_spec(context: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001
    if value and not context.resilient_parsing:
        # Imported here to keep `--help` fast.
        from .output import write_json  # noqa: PLC0415
        from .spec import command_line_spec  # noqa: PLC0415

        write_json(command_line_spec(context))
        context.exit()


@click.group(
    cls=CommandGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  fashion-tui                                  open the app
  fashion-tui train                            train the guide's network
  fashion-tui train --dataset synthetic        train on synthetic images, without a download
  fashion-tui eval latest                      evaluate the newest run
  fashion-tui COMMAND --help                   show the options of a command""",
)
@common_options
@click.option(
    "--spec",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_spec,
    help="Print all commands, options and exit statuses as JSON.",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.pass_context
def fashion_tui(context: click.Context, common: CommonOptions) -> None:
    """A PyTorch lab in the terminal: learn, train and understand neural networks on Fashion-MNIST.

    Without a command, fashion-tui opens the app.
    """
    context.obj = common
    for problem in user_settings().problems:
        click.echo(f"fashion-tui: {problem}", err=True)
    if context.invoked_subcommand is None:
        open_app(common, attach=None)


def main() -> NoReturn:
    """Run the command in `sys.argv`, and exit with its status."""
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - it may be closed
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # commands must also work on a terminal that can't display Unicode
            reconfigure(encoding=None if terminal_glyphs().unicode else "ascii", errors=ASCII_ERRORS)
    sys.stderr = optional_stream(sys.stderr)
    status = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except OSError:
        _discard_stdout()  # otherwise, Python's flush at exit would fail, too
        status = status or FAILED
    sys.exit(status)


def run(arguments: list[str]) -> int:
    """Run a command and return its exit status. Errors are printed to stderr as one-line messages."""
    try:
        _check_arguments(arguments)
        status = fashion_tui.main(arguments, prog_name="fashion-tui", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        return _print_error(_usage_message(error), error.exit_code)
    except UserError as error:
        return _print_error(str(error), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        _discard_stdout()  # the reader of the pipe has exited; no message is needed
        return FAILED
    except OSError as error:
        return _print_error(_describe(error), FAILED)
    return status if isinstance(status, int) else OK


def _check_arguments(arguments: list[str]) -> None:
    for argument in arguments:
        if not is_utf8(argument):
            raise UsageError(f"the argument {argument!r} isn't UTF-8; if it is a path, rename the file or folder")


def _describe(error: OSError) -> str:
    try:
        Path.cwd()
    except OSError:
        return "the working directory no longer exists; change to another one"
    return f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"


def _discard_stdout() -> None:
    """Redirect stdout to /dev/null, to discard both its buffer and later output."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_error(message: str, status: int) -> int:
    click.echo(f"fashion-tui: {' '.join(printable(message).split())}", err=True)
    return status


def _usage_message(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "fashion-tui"
    message = error.message if isinstance(error, click.NoSuchOption) else error.format_message()
    suggestion = suggestion_for(error)
    hint = "" if suggestion is None else f"; did you mean {suggestion}?"
    return f"{message.rstrip('.')}{hint} (see: {path} --help)"
