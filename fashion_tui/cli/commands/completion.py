"""`fashion-tui completion`."""

import click
from click.shell_completion import get_completion_class

from fashion_tui.cli.options import CommonOptions, common_options, json_option
from fashion_tui.cli.output import print_line, write_json

SHELLS = ("bash", "zsh", "fish")


@click.command(
    "completion",
    epilog="""\b
Examples:
  fashion-tui completion bash > ~/.local/share/bash-completion/completions/fashion-tui
  fashion-tui completion zsh > ~/.zfunc/_fashion-tui       with fpath+=~/.zfunc before compinit
  fashion-tui completion fish > ~/.config/fish/completions/fashion-tui.fish
  eval "$(fashion-tui completion bash)"                    in this shell only
\b
The script completes commands, options, option values and run ids. fashion-tui must be on the PATH.""",
)
@click.argument("shell", type=click.Choice(SHELLS))
@json_option
@common_options
@click.pass_context
def completion_command(context: click.Context, *, shell: str, as_json: bool, common: CommonOptions) -> None:
    """Print a script that completes commands in a shell.

    SHELL is bash (4.4 or newer), zsh or fish.
    """
    del common
    complete = get_completion_class(shell)
    assert complete is not None  # noqa: S101 - click has a class for each of SHELLS
    script = complete(context.find_root().command, {}, "fashion-tui", "_FASHION_TUI_COMPLETE").source()
    if as_json:
        write_json({"shell": shell, "script": script})
    else:
        for line in script.splitlines():
            print_line(line)
