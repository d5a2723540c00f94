"""`fashion-tui shapes`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click
from msgspec.structs import replace

from fashion_tui.cli.engine import ask_engine, ask_engine_for_each
from fashion_tui.cli.inputs import parse_arguments
from fashion_tui.cli.options import CommonOptions, common_options, json_option
from fashion_tui.cli.output import FILE_WIDTH, print_line, show, write_json
from fashion_tui.cli.shapes_json import comparison_as_json, costs_as_json, table_as_json
from fashion_tui.cli.values import MODEL, NameList, RunName
from fashion_tui.report.formatting import format_shape
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.graph_svg import graph_depth, graph_svg
from fashion_tui.report.shape_columns import COLUMN_TITLES
from fashion_tui.report.shape_comparison import ComparisonReport, match_rows
from fashion_tui.report.shape_report import shape_report
from fashion_tui.report.training_costs import training_lines
from fashion_tui.runs.layout import MODEL_FILE
from fashion_tui.runs.store import open_run
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.inputs import Inputs, parse_input_function, parse_inputs
from fashion_tui.schema.models import NamedModel
from fashion_tui.schema.paths import user_path
from fashion_tui.schema.requests import GetShapes, GetTrainingCosts
from fashion_tui.schema.shapes import ShapeTable
from fashion_tui.schema.training_costs import TrainingCosts
from fashion_tui.target import target_file, write_target

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
  fashion-tui shapes net.py:Net net.py:Net --args '{"width": 8}' --args '{"width": 16}'
  fashion-tui shapes --run latest                 the network of a run, with its frozen layers
  fashion-tui shapes guide --columns step,output,memory,forward,backward
  fashion-tui shapes net.py:Net --args '{"width": 32}' --json""",
)
@click.argument("models", type=MODEL, nargs=-1, metavar="[MODEL] [MODEL]")
@click.option(
    "--input",
    "shapes",
    multiple=True,
    metavar="[NAME=]SHAPE[:DTYPE]",
    help="Shape of an input without the batch axis, such as 1x28x28. The name and the dtype are optional. An empty "
    "shape stands for one value per sample. Write @ before the shape of a tensor that has no batch axis. The dtype "
    "defaults to int64 for an input that is used as an index, and otherwise to float32. Repeat this option if the "
    "network has several inputs. With two models, the inputs apply to both.  [default: the usual input of a "
    "torchvision or timm network, otherwise 1x28x28]",
)
@click.option(
    "--inputs",
    "function",
    metavar="FILE.py:FUNCTION",
    help="Function that takes a batch size and returns the inputs: a tuple of positional arguments, a dict of keyword "
    "arguments, or a single argument.",
)
@click.option(
    "--args",
    "arguments",
    multiple=True,
    metavar="JSON",
    help="Keyword arguments of the model's class, as JSON. With two models, they apply to both; repeat this option to "
    "give each model its own, in the same order.",
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
    help="Also estimate the memory and the time of a training step with N samples, and the largest batch that fits "
    "into memory.",
)
@click.option(
    "--graph",
    metavar="FILE.svg",
    help="Also draw the network as a graph, and write it to an SVG file. Without --depth, it is drawn down to the "
    "greatest depth with at most 80 boxes.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    metavar="SECONDS",
    show_default=True,
    help="Time limit for the code of a model in a file.",
)
@click.option(
    "--run",
    "run_name",
    type=RunName(),
    metavar="RUN",
    help="Show the network that RUN trains, for the images of its data set, with its frozen layers.",
)
@json_option
@common_options
def shapes_command(  # noqa: PLR0913 - one parameter per option
    models: tuple[str, ...],
    *,
    shapes: tuple[str, ...],
    function: str | None,
    arguments: tuple[str, ...],
    depth: int | None,
    columns: str | None,
    batch_size: int | None,
    graph: str | None,
    timeout: float,
    run_name: str | None,
    as_json: bool,
    common: CommonOptions,
) -> None:
    """Show the tensor shape after every layer and function.

    MODEL is a built-in model, file.py:Class, torchvision:NAME or timm:NAME. The network runs on random
    values from [0, 1), which are the same each time. Integers are drawn from the range that the network allows. If a
    network is too large, it is only simulated: its shapes are computed, but no values. If --columns contains forward or
    backward, each row is also timed.

    With two models, their tables are shown side by side, with corresponding rows on the same line. ~ marks rows that
    differ; - marks rows that only the first network has, and + marks rows that only the second one has.
    """
    titles = None if columns is None else _parse_columns(columns)
    graph_file = None if graph is None else _parse_graph_file(graph)
    measure = titles is not None and not TIMING_COLUMNS.isdisjoint(titles)
    if run_name is None:
        inputs = _parse_inputs(shapes, function)
        requests = [
            GetShapes(model=model, inputs=inputs, arguments=values, measure=measure, time_limit=timeout)
            for model, values in _models_with_arguments(models or (DEFAULT_MODEL,), arguments)
        ]
    else:
        given: dict[str, object] = {"MODEL": models, "--input": shapes, "--inputs": function, "--args": arguments}
        given["--batch-size"] = batch_size
        requests = [_request_for_run(run_name, given, common, measure=measure)]
    if len(requests) > 1:
        _check_comparison(models, {"--columns": columns, "--batch-size": batch_size, "--graph": graph})
        _compare(requests, depth, as_json=as_json)
        return
    table = ask_engine(requests[0], ShapeTable, "tracing")
    costs = None if batch_size is None or table.error is not None else _training_costs(requests[0])
    if graph_file is not None:
        write_target(graph_file, graph_svg(table, depth=depth))
        deepest, drawn = max((row.depth + 1 for row in table.rows), default=1), depth or graph_depth(table)
        note = f", with modules down to depth {drawn} of {deepest}; --depth draws more"
        print_line(f"Wrote {graph}{note if drawn < deepest else ''}", err=True)
    if as_json:
        training = None if costs is None or batch_size is None else costs_as_json(costs, table, batch_size)
        write_json(table_as_json(table, depth) | {"training": training})
    else:
        show(shape_report(table, depth=depth, columns=titles))
        if costs is not None and batch_size is not None:
            show(*training_lines(costs, table, batch_size, FILE_WIDTH, terminal_glyphs()))
    if table.error is not None:
        raise UserError(_error(table, table.error, requests[0]))


def _request_for_run(name: str, given: Mapping[str, object], common: CommonOptions, *, measure: bool) -> GetShapes:
    """Return the request for the network of a run. Raises UsageError if options are given that it determines."""
    conflicting = [option for option, value in given.items() if value]
    if conflicting:
        raise UsageError(f"{', '.join(conflicting)} can't be combined with --run, which determines the network")
    with open_run(common.runs_directory, name) as run:
        config = run.config
        if config.source is not None:
            raise UsageError(f"--run: {run.id} trains a custom model; use fashion-tui shapes {run.path / MODEL_FILE}")
    return GetShapes(model=config.recipe.model, recipe=config.recipe, task=config.task, measure=measure)


def _models_with_arguments(models: Sequence[str], arguments: Sequence[str]) -> Iterator[tuple[str, dict[str, object]]]:
    """Return each model with its arguments. A single value of --args applies to all models."""
    values = list(map(parse_arguments, arguments)) or [{}]
    if len(values) == 1:
        values *= len(models)
    if len(values) != len(models):
        raise UsageError(f"--args is given {len(values)} times; give it once, or once for each model")
    return zip(models, values, strict=True)


def _check_comparison(models: Sequence[str], options: Mapping[str, object]) -> None:
    """Raise UsageError if there are more than two models, or if an option is given that works only for one model."""
    if len(models) > 2:
        raise UsageError(f"{len(models)} models are given; give one, or two to compare them")
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise UsageError(f"{', '.join(given)} can't be combined with two models; give one model")


def _compare(requests: Sequence[GetShapes], depth: int | None, *, as_json: bool) -> None:
    tables = ask_engine_for_each(requests, ShapeTable, "tracing")
    # Use the names that the user gave, because both classes may have the same name.
    names = [request.model for request in requests]
    if len(set(names)) == 1:
        names = [f"{name} {json.dumps(request.arguments)}" for name, request in zip(names, requests, strict=True)]
    first, second = (replace(table, model=name) for table, name in zip(tables, names, strict=True))
    pairs = match_rows(first, second, depth=depth)
    if as_json:
        write_json(comparison_as_json(first, second, pairs, depth))
    else:
        show(ComparisonReport(first, second, pairs, terminal_glyphs()))
    for table, request in zip((first, second), requests, strict=True):
        if table.error is not None:
            raise UserError(f"{table.model}: {_error(table, table.error, request)}")


def _error(table: ShapeTable, error: str, request: GetShapes) -> str:
    """Return the error with advice about the options, and with its line."""
    if table.timed_out:
        error += ", or raise --timeout"
    elif not request.inputs and any(row.failed for row in table.rows):
        shape = format_shape(table.inputs[0].shape, terminal_glyphs())
        error += f"; the input is the default {shape}; give --input, such as --input 128"
    location = f" (line {table.error_line} of {Path(table.error_file or '').name})" if table.error_line else ""
    return error + location


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
