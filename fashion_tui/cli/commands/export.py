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
from fashion_tui.cli.run_data import read_run_dataset
from fashion_tui.report.export import export_check
from fashion_tui.runs.store import open_run
from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.export import EXPORT_FORMATS, SUFFIXES, ExportFormat, ExportMetadata, ExportResult, format_of
from fashion_tui.schema.paths import user_path
from fashion_tui.schema.requests import Export
from fashion_tui.target import target_file


@click.command(
    "export",
    epilog="""\b
Formats:
  suffix        format            content
  .safetensors  safetensors       weights
  .pt, .pth     state-dict        weights, for torch.load
  .onnx         onnx              weights and computation; needs the extra onnx
  .pt2          exported-program  weights and computation, for torch.export.load

\b
Examples:
  fashion-tui export latest -o guide.safetensors
  fashion-tui export latest -o guide.onnx
  fashion-tui export latest -o guide.pt2
  fashion-tui export latest --checkpoint best -o best.pt --json""",
)
@run_argument
@click.option(
    "--format",
    "file_format",
    type=click.Choice(EXPORT_FORMATS),
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
    file_format: ExportFormat | None,
    output: Path,
    checkpoint: str,
    trusted: bool,
    as_json: bool,
    common: CommonOptions,
) -> None:
    """Export the network of a run to a file.

    Before FILE is replaced, the new file is read back, and its logits for 1,000 test images are compared with those of
    the run. The largest difference is printed; if it is more than 0.001 of the largest logit, the export fails and FILE
    keeps its content. onnx and exported-program accept batches of any size.

    Every format except state-dict also contains the class names, the shape of the images, the mean and standard
    deviation with which they must be normalised, the run's id, and the SHA-256 of the weights; --json prints them.

    RUN is an id such as 20261123-143012-guide-a1b2, the id without its time, a unique prefix of either, a path, or
    latest.
    """
    target = target_file(user_path(output, "--output"), "--output")
    chosen = file_format or _format_of(output)
    with open_run(common.runs_directory, name) as run:
        path, dataset = run.path, run.config.dataset
        if trusted:
            run.trust_model()
        read_run_dataset(run.config, common)
    request = Export(run_path=str(path), checkpoint=checkpoint, format=chosen, output=str(target))
    exported = ask_engine(request, ExportResult, f"writing {chosen}")
    note_synthetic(dataset.name)
    if as_json:
        write_json(exported)
    else:
        print_line(f"{exported.path}: {exported.format}, verified: {export_check(exported)}")
        print_line(f"input: {_input(exported.metadata)}")


def _input(metadata: ExportMetadata) -> str:
    """Return the input of the network, such as `float32 [N, 1, 28, 28], (pixels / 255 - 0.286) / 0.353`."""
    shape = ", ".join(map(str, metadata.image_shape))
    mean, std = (
        f"{values[0]:g}" if len(set(values)) == 1 else f"[{', '.join(f'{value:g}' for value in values)}]"
        for values in (metadata.mean, metadata.std)
    )
    return f"float32 [N, {shape}], (pixels / 255 - {mean}) / {std}"


def _format_of(output: Path) -> ExportFormat:
    """Return the format that belongs to the file's suffix. Raises UsageError if the suffix is unknown."""
    found = format_of(output)
    if found is None:
        raise UsageError(
            f"unknown suffix of {output.name!r}; use {', '.join(SUFFIXES)}, or add --format {'|'.join(EXPORT_FORMATS)}"
        )
    return found
