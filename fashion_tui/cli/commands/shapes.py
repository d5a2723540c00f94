"""`fashion-tui shapes`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from msgspec.structs import replace

from fashion_tui.cli.engine import ask_engine, ask_engine_for_each
from fashion_tui.cli.inputs import parse_arguments
from fashion_tui.cli.options import CommonOptions, common_options, json_option
from fashion_tui.cli.output import FILE_WIDTH, show, write_json
from fashion_tui.cli.shapes_json import comparison_as_json, costs_as_json, table_as_json
from fashion_tui.cli.target import target_file, write_target
from fashion_tui.cli.values import MODEL, NameList
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.graph_svg import graph_svg
from fashion_tui.report.shape_columns import COLUMN_TITLES
from fashion_tui.report.shape_comparison import ComparisonReport, match_rows
from fashion_tui.report.shapes import shape_report
from fashion_tui.report.training_costs import training_lines
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.inputs import Inputs, parse_input_function, parse_inputs
from fashion_tui.schema.models import NamedModel
from fashion_tui.schema.paths import user_path
from fashion_tui.schema.requests import GetShapes, GetTrainingCosts
from fashion_tui.schema.shapes import ShapeTable
from fashion_tui.schema.training_costs import TrainingCosts

DEFAULT_MODEL = "guide"
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
  fashion-tui shapes torchvision:resnet18 torchvision:resnet34 --depth 2
  fashion-tui shapes guide --columns step,output,memory,forward,backward
  fashion-tui shapes net.py:Net --args '{"width": 32}' --json""",
)
@click.argument("models", type=MODEL, nargs=-1, metavar="[MODEL] [MODEL]")
@click.option(
    "--input",
    "shapes",
    multiple=True,
    metavar="[NAME=]SHAPE[:DTYPE]",
    help="An input: its shape without the batch axis, such as 1x28x28, with a name and a dtype if necessary. An empty "
    "shape is one value per sample. An @ before the shape means that there is no batch axis. Without a dtype, an input "
    "is int64 if it is used as an index, and otherwise float32. Repeat the option for several inputs.  [default: the "
    "input of a library's network, or 1x28x28]",
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
    models: tuple[str, ...],
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

    MODEL is a built-in model, file.py:Class, torchvision:NAME or timm:NAME. The network runs on values from U[0, 1),
    which are the same each time. Integers are drawn from the range that the network allows. A network that is too large
    is simulated: only the shapes are computed. If the column forward or backward is shown, each row is also timed.

    With two models, both tables are shown side by side, with corresponding rows on one line: ~ marks rows that differ,
    - and + rows that only the first or the second network has.
    """
    del common
    titles = None if columns is None else _parse_columns(columns)
    graph_file = None if graph is None else _parse_graph_file(graph)
    requests = [
        GetShapes(
            model=model,
            inputs=_parse_inputs(shapes, function),
            arguments=parse_arguments(arguments),
            measure=titles is not None and not TIMING_COLUMNS.isdisjoint(titles),
            time_limit=timeout,
        )
        for model in models or (DEFAULT_MODEL,)
    ]
    if len(requests) > 1:
        _check_comparison(models, {"--columns": columns, "--batch-size": batch_size, "--graph": graph})
        _compare(requests, depth, as_json=as_json)
        return
    table = ask_engine(requests[0], ShapeTable, "tracing")
    costs = None if batch_size is None or table.error is not None else _training_costs(requests[0])
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
        raise UserError(_error(table, table.error))


def _check_comparison(models: Sequence[str], options: Mapping[str, object]) -> None:
    """Raise UsageError if there are more than two models, or options that work only for one."""
    if len(models) > 2:
        raise UsageError(f"{len(models)} models are given; give one, or two to compare them")
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise UsageError(f"{', '.join(given)} can't be combined with two models; give one model")


def _compare(requests: Sequence[GetShapes], depth: int | None, *, as_json: bool) -> None:
    tables = ask_engine_for_each(requests, ShapeTable, "tracing")
    # The names of the classes may be the same.
    first, second = (replace(table, model=each.model) for table, each in zip(tables, requests, strict=True))
    pairs = match_rows(first, second, depth=depth)
    if as_json:
        write_json(comparison_as_json(first, second, pairs, depth))
    else:
        show(ComparisonReport(first, second, pairs, terminal_glyphs()))
    for table in (first, second):
        if table.error is not None:
            raise UserError(f"{table.model}: {_error(table, table.error)}")


def _error(table: ShapeTable, error: str) -> str:
    return f"{error}, or raise --timeout" if table.timed_out else error


def _parse_inputs(shapes: tuple[str, ...], function: str | None) -> Inputs:
    if function is None:
        return parse_inputs(shapes)
    if shapes:
        raise UsageError("--input can't be combined with --inputs, whose function returns all inputs")
    return parse_input_function(function)


def _training_costs(request: GetShapes) -> TrainingCosts:
    model = NamedModel(model=request.model, arguments=request.arguments)
    return ask_engine(GetTrainingCosts(network=model, inputs=request.inputs), TrainingCosts, "measuring")


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
