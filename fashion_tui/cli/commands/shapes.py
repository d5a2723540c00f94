"""`fashion-tui shapes`."""

from pathlib import Path

import click

from fashion_tui.cli.engine import ask_engine
from fashion_tui.cli.inputs import parse_arguments
from fashion_tui.cli.options import CommonOptions, common_options, json_option
from fashion_tui.cli.output import FILE_WIDTH, show, write_json
from fashion_tui.cli.target import target_file, write_target
from fashion_tui.cli.values import MODEL, NameList
from fashion_tui.report.data_flow import data_flow, row_positions
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.graph_svg import graph_svg
from fashion_tui.report.shape_columns import COLUMN_TITLES
from fashion_tui.report.shapes import shape_report, visible_rows
from fashion_tui.report.training_costs import training_lines
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.inputs import Inputs, parse_input_function, parse_inputs
from fashion_tui.schema.models import NamedModel
from fashion_tui.schema.paths import user_path
from fashion_tui.schema.requests import GetShapes, GetTrainingCosts
from fashion_tui.schema.shapes import NETWORK_INPUT, ShapeRow, ShapeTable
from fashion_tui.schema.training_costs import TrainingCosts

TIMING_COLUMNS = frozenset({"forward", "backward"})
"""Columns for which the network is run and timed."""


@click.command(
    "shapes",
    epilog="""\b
Examples:
  fashion-tui shapes                              the guide's network
  fashion-tui shapes torchvision:resnet18 --depth 1
  fashion-tui shapes torchvision:googlenet --depth 2 --graph googlenet.svg
  fashion-tui shapes net.py:Denoiser --input 1x28x28 --input t=:int64
  fashion-tui shapes net.py:Net --inputs net.py:make_batch
  fashion-tui shapes guide --columns step,output,memory,forward,backward
  fashion-tui shapes net.py:Net --args '{"width": 32}' --json""",
)
@click.argument("model", type=MODEL, default="guide")
@click.option(
    "--input",
    "shapes",
    multiple=True,
    metavar="[NAME=]SHAPE[:DTYPE]",
    help="An input: its shape without the batch axis, such as 1x28x28, with a name and a dtype if necessary. An empty "
    "shape is one value per sample. An @ before the shape means that there is no batch axis. Repeat the option for "
    "several inputs.  [default: the input of a library's network, or 1x28x28]",
)
@click.option(
    "--inputs",
    "function",
    metavar="FILE.py:FUNCTION",
    help="Function that returns the inputs for a batch size: a tuple of arguments, a dict of keyword arguments, or one "
    "argument.",
)
@click.option(
    "--args", "arguments", default="{}", metavar="JSON", help="Keyword arguments of the model's class, as JSON."
)
@click.option(
    "--depth", type=click.IntRange(min=1), metavar="N", help="Show modules down to depth N; 1 is the network itself."
)
@click.option(
    "--columns",
    type=NameList(COLUMN_TITLES),
    metavar="LIST",
    help=f"Columns to show, separated by commas: {', '.join(COLUMN_TITLES)}.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    metavar="N",
    help="Also estimate the memory and the time of a training step with N samples, and the largest batch that fits.",
)
@click.option("--graph", metavar="FILE.svg", help="Also draw the network as a graph, and write it to an SVG file.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    metavar="SECONDS",
    show_default=True,
    help="Stop the network's code after this time.",
)
@json_option
@common_options
def shapes_command(  # noqa: PLR0913 - one parameter per option
    model: str,
    *,
    shapes: tuple[str, ...],
    function: str | None,
    arguments: str,
    depth: int | None,
    columns: str | None,
    batch_size: int | None,
    graph: str | None,
    timeout: float,
    as_json: bool,
    common: CommonOptions,
) -> None:
    """Show the tensor shape after every layer and function.

    MODEL is a built-in model, file.py:Class, torchvision:NAME or timm:NAME. The network runs once on random values. If
    it is too large for that, it is simulated: only the shapes are computed. If the column forward or backward is shown,
    each row is also timed.
    """
    del common
    titles = None if columns is None else _parse_columns(columns)
    graph_file = None if graph is None else _parse_graph_file(graph)
    request = GetShapes(
        model=model,
        inputs=_parse_inputs(shapes, function),
        arguments=parse_arguments(arguments),
        measure=titles is not None and not TIMING_COLUMNS.isdisjoint(titles),
        time_limit=timeout,
    )
    table = ask_engine(request, ShapeTable, "tracing")
    costs = None if batch_size is None or table.error is not None else _training_costs(request)
    if graph_file is not None:
        write_target(graph_file, graph_svg(table, depth=depth))
    if as_json:
        training = None if costs is None or batch_size is None else costs_as_json(costs, table, batch_size)
        write_json(table_as_json(table, depth) | {"training": training})
    else:
        show(shape_report(table, depth=depth, columns=titles))
        if costs is not None and batch_size is not None:
            show(*training_lines(costs, table, batch_size, FILE_WIDTH, terminal_glyphs()))
    if table.error is not None:
        raise UserError(f"{table.error}, or raise --timeout" if table.timed_out else table.error)


def _parse_inputs(shapes: tuple[str, ...], function: str | None) -> Inputs:
    if function is None:
        return parse_inputs(shapes)
    if shapes:
        raise UsageError("--input can't be combined with --inputs, whose function returns all inputs")
    return parse_input_function(function)


def table_as_json(table: ShapeTable, depth: int | None = None) -> dict[str, object]:
    """Return the output of `--json`. In each row, `input` is `inputs[0]` and `output` is `outputs[0]`.

    `from` in a row and `row` in a remark are indexes of the list `rows`, which lacks the rows below `depth`. `from`
    doesn't include the network's input.
    """
    shown = visible_rows(table, depth=depth)
    producers = data_flow(table, shown).producers
    position = row_positions(table, shown)
    return {
        "model": table.model,
        "input_size": table.input_size,
        "inputs": [str(spec) for spec in table.inputs],
        "outputs": table.outputs,
        "rows": [
            _row_as_json(table.rows[index], [row for row in origins if row != NETWORK_INPUT])
            for index, origins in zip(shown, producers, strict=True)
        ],
        "total_params": table.total_params,
        "trainable_params": table.trainable_params,
        "total_macs": table.total_macs,
        "ran": table.ran,
        "batch": table.batch,
        "unused": table.unused,
        "not_used_in_pass": table.not_used_in_pass,
        "remarks": [
            {"row": None if remark.row is None else position[remark.row], "text": remark.text}
            for remark in table.remarks
        ],
        "error": table.error,
        "explanation": table.error,
        "fix": table.fix,
    }


def _row_as_json(row: ShapeRow, producers: list[int]) -> dict[str, object]:
    return {
        "name": row.name,
        "path": row.path,
        "depth": row.depth,
        "op": row.op,
        "from": producers,
        "input": row.inputs[0] if row.inputs else None,
        "output": row.outputs[0] if row.outputs else None,
        "inputs": row.inputs,
        "outputs": row.outputs,
        "settings": row.settings,
        "params": row.params,
        "macs": row.macs,
        "activation_bytes": row.activation_bytes,
        "receptive_field": row.receptive_field,
        "dtype": row.dtype,
        "trainable": row.trainable,
        "reused": row.reused,
        "mixes_samples": row.mixes_samples,
        "forward_seconds": row.forward_seconds,
        "backward_seconds": row.backward_seconds,
    }


def _training_costs(request: GetShapes) -> TrainingCosts:
    model = NamedModel(model=request.model, arguments=request.arguments)
    return ask_engine(GetTrainingCosts(network=model, inputs=request.inputs), TrainingCosts, "measuring")


def costs_as_json(costs: TrainingCosts, table: ShapeTable, batch: int) -> dict[str, object]:
    """Return the value of `training` in the output of `--json`. Sizes are in bytes."""
    return {
        "device": costs.throughput.device,
        "batch_size": batch,
        "bytes": costs.memory.total(batch),
        "parameter_bytes": costs.memory.parameters,
        "gradient_bytes": costs.memory.gradients,
        "adam_bytes": costs.memory.adam_state,
        "activation_bytes": costs.memory.activations(batch),
        "step_seconds": costs.throughput.step_seconds(table, batch),
        "free_bytes": costs.throughput.free_memory,
        "largest_batch": costs.largest_batch,
    }


def _parse_graph_file(value: str) -> Path:
    file = user_path(value, "--graph")
    if file.suffix.lower() != ".svg":
        raise UsageError(f"--graph: {file.name} isn't the name of an SVG file; use the suffix .svg")
    return target_file(file, "--graph")


def _parse_columns(value: str) -> frozenset[str]:
    """Return the titles of the columns named in a comma-separated list. Names are case-insensitive."""
    titles = {title.lower(): title for title in COLUMN_TITLES}
    names = [name.strip().lower() for name in value.split(",")]
    for name in names:
        if name not in titles:
            raise UsageError(f"unknown column {name!r}; choose from {', '.join(COLUMN_TITLES)}")
    return frozenset(titles[name] for name in names)
