"""`fashion-tui export`."""

from pathlib import Path

import click

from fashion_tui.cli.ask import ask_engine
from fashion_tui.cli.output import json_option, note_synthetic, write_json
from fashion_tui.cli.place import Place, place_options
from fashion_tui.cli.trust import note_trust, trust_option
from fashion_tui.runs.store import find_run, load_config
from fashion_tui.schema.replies import Exported
from fashion_tui.schema.requests import Export


@click.command(
    "export",
    epilog="""\b
Examples:
  fashion-tui export latest -o guide.safetensors
  fashion-tui export latest --format safetensors -o guide.safetensors --json""",
)
@click.argument("run")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["safetensors"]),
    default="safetensors",
    show_default=True,
    help="The file's format.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="The file to write; one that is there is replaced.",
)
@click.option("--checkpoint", default="final", metavar="final|best|STEP", show_default=True, help="Which weights.")
@trust_option
@json_option
@place_options
def export_command(  # noqa: PLR0913 - a parameter for each option
    run: str, *, file_format: str, output: Path, checkpoint: str, trusted: bool, as_json: bool, place: Place
) -> None:
    """Write a run's weights for other programs, checked to give the same answers.

    The same weights give the same file, to the byte. RUN is an id, a unique prefix of one, a path, or latest.
    """
    path = find_run(place.runs_directory, run)
    note_trust(path, trusted=trusted)
    request = Export(
        run_path=str(path), checkpoint=checkpoint, format="safetensors", output=str(output.expanduser().absolute())
    )
    exported = ask_engine(request, Exported, f"writing {file_format}")
    note_synthetic(load_config(path).dataset)
    if as_json:
        write_json(exported)
    else:
        click.echo(f"{exported.path}: {exported.format}, largest difference of a logit {exported.max_difference:.1e}")
