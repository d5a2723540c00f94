"""`fashion-tui export`."""

from pathlib import Path

import click

from fashion_tui.cli.engine import ask_engine
from fashion_tui.cli.options import (
    CommonOptions,
    checkpoint_option,
    common_options,
    json_option,
    run_argument,
    trust_option,
)
from fashion_tui.cli.output import note_synthetic, print_line, write_json
from fashion_tui.cli.target import target_file
from fashion_tui.runs.store import open_run
from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.paths import user_path
from fashion_tui.schema.replies import ExportResult
from fashion_tui.schema.requests import Export


@click.command(
    "export",
    epilog="""\b
Examples:
  fashion-tui export latest -o guide.safetensors
  fashion-tui export latest --checkpoint best -o best.safetensors --json""",
)
@run_argument
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["safetensors"]),
    help="File format.  [default: determined by the suffix of FILE]",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE",
    help="File to write. An existing file is replaced; a symbolic link is followed.",
)
@checkpoint_option
@trust_option
@json_option
@common_options
def export_command(  # noqa: PLR0913 - one parameter per option
    name: str,
    *,
    file_format: str | None,
    output: Path,
    checkpoint: str,
    trusted: bool,
    as_json: bool,
    common: CommonOptions,
) -> None:
    """Export a run's weights to a file.

    The file is verified: it is read back, and its logits are compared with the run's. The same weights always produce
    the same file, byte for byte.

    RUN is an id such as 20261123-143012-guide-a1b2, the id without its time, a unique prefix of either, a path, or
    latest.
    """
    file_format = file_format or _format_of(output)
    target = target_file(user_path(output, "--output"), "--output")
    with open_run(common.runs_directory, name) as run:
        path, dataset = run.path, run.config.dataset
        if trusted:
            run.trust_model()
    request = Export(run_path=str(path), checkpoint=checkpoint, format="safetensors", output=str(target))
    exported = ask_engine(request, ExportResult, f"writing {file_format}")
    note_synthetic(dataset.name)
    if as_json:
        write_json(exported)
    else:
        print_line(f"{exported.path}: {exported.format}, verified: {_comparison(exported.max_difference)}")


def _comparison(max_difference: float) -> str:
    if max_difference == 0:
        return "the file gives the same logits as the run"
    return f"the file's logits differ from the run's by at most {max_difference:.1e}"


def _format_of(output: Path) -> str:
    """Return the file format for a file name. Raises UsageError if the suffix is neither .safetensors nor empty."""
    if output.suffix.lower() not in {"", ".safetensors"}:
        raise UsageError(
            f"{output.name} isn't the name of a safetensors file; use the suffix .safetensors, "
            "or add --format safetensors"
        )
    return "safetensors"
