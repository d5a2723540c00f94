"""`fashion-tui shapes`."""

import click

from fashion_tui.cli.ask import ask_engine
from fashion_tui.cli.network import read_arguments
from fashion_tui.cli.output import json_option, show, write_json
from fashion_tui.cli.place import Place, place_options
from fashion_tui.report.shape_columns import COLUMN_TITLES
from fashion_tui.report.shapes import shape_report, visible_rows
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.requests import GetShapes
from fashion_tui.schema.shapes import ShapeRow, ShapeTable, parse_shape

TIMES = frozenset({"forward", "backward"})
"""Columns for which the steps have to be measured."""


@click.command(
    "shapes",
    epilog="""\b
Examples:
  fashion-tui shapes                              the guide's network
  fashion-tui shapes torchvision:resnet18 --input 3x224x224 --depth 1
  fashion-tui shapes guide --columns step,output,memory,forward,backward
  fashion-tui shapes net.py:Net --args '{"width": 32}' --json""",
)
@click.argument("model", default="guide")
@click.option(
    "--input",
    "input_text",
    default="1x28x28",
    metavar="CxHxW",
    show_default=True,
    help="The input's shape, without the batch axis.",
)
@click.option("--args", "arguments_text", default="{}", metavar="JSON", help="Keyword arguments of the model's class.")
@click.option("--depth", type=click.IntRange(min=1), help="How deep to go into modules; 1: the network's own steps.")
@click.option("--columns", "columns_text", metavar="LIST", help=f"Which columns, of: {', '.join(COLUMN_TITLES)}.")
@json_option
@place_options
def shapes_command(  # noqa: PLR0913 - each is a choice of the person
    model: str,
    input_text: str,
    arguments_text: str,
    *,
    depth: int | None,
    columns_text: str | None,
    as_json: bool,
    place: Place,
) -> None:
    """The way of the shape through a network: every layer and every function as a row.

    MODEL is a name, file.py:Class or torchvision:NAME. Nothing is computed, shapes come from the meta device; unless
    the columns forward or backward are asked for: then each step is timed.
    """
    del place
    columns = None if columns_text is None else _columns(columns_text)
    request = GetShapes(
        model=model,
        input_size=parse_shape(input_text),
        arguments=read_arguments(arguments_text),
        measure=columns is not None and not TIMES.isdisjoint(columns),
    )
    table = ask_engine(request, ShapeTable, "tracing")
    if as_json:
        write_json(as_contract(table, depth))
    else:
        show(shape_report(table, depth=depth, columns=columns))
    if table.error is not None:
        raise UserError(table.error)


def as_contract(table: ShapeTable, depth: int | None = None) -> dict[str, object]:
    """The table as `--json` prints it; `input` is the first of the `inputs`, `output` the first of the `outputs`."""
    return {
        "model": table.model,
        "input_size": table.input_size,
        "rows": [_row(table.rows[index]) for index in visible_rows(table, depth=depth)],
        "total_params": table.total_params,
        "trainable_params": table.trainable_params,
        "total_macs": table.total_macs,
        "error": table.error,
    }


def _row(row: ShapeRow) -> dict[str, object]:
    return {
        "name": row.name,
        "path": row.path,
        "depth": row.depth,
        "op": row.op,
        "input": row.inputs[0] if row.inputs else None,
        "output": row.outputs[0] if row.outputs else None,
        "inputs": row.inputs,
        "outputs": row.outputs,
        "settings": row.settings,
        "params": row.params,
        "macs": row.macs,
        "activation_bytes": row.activation_bytes,
        "dtype": row.dtype,
        "trainable": row.trainable,
        "reused": row.reused,
        "forward_seconds": row.forward_seconds,
        "backward_seconds": row.backward_seconds,
    }


def _columns(text: str) -> frozenset[str]:
    """Those of the table whose titles stand there, in any case and order."""
    titles = {title.lower(): title for title in COLUMN_TITLES}
    wanted = [word.strip().lower() for word in text.split(",")]
    for word in wanted:
        if word not in titles:
            raise UsageError(f"no column is called {word!r}; there is: {', '.join(COLUMN_TITLES)}")
    return frozenset(titles[word] for word in wanted)
