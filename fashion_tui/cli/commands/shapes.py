"""`fashion-tui shapes`."""

import click

from fashion_tui.cli.ask import ask_engine
from fashion_tui.cli.network import read_arguments
from fashion_tui.cli.output import json_option, show, write_json
from fashion_tui.cli.place import Place, place_options
from fashion_tui.report.shapes import shape_report
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.requests import GetShapes
from fashion_tui.schema.shapes import ShapeRow, ShapeTable


@click.command(
    "shapes",
    epilog="""\b
Examples:
  fashion-tui shapes                              the guide's network
  fashion-tui shapes guide --input 1x28x28
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
@json_option
@place_options
def shapes_command(model: str, input_text: str, arguments_text: str, *, as_json: bool, place: Place) -> None:
    """The way of the shape through a network: every layer and every function as a row.

    MODEL is a name or file.py:Class. Nothing is computed: shapes come from the meta device.
    """
    del place
    request = GetShapes(model=model, input_size=_input_size(input_text), arguments=read_arguments(arguments_text))
    table = ask_engine(request, ShapeTable, "tracing")
    if as_json:
        write_json(as_contract(table))
    else:
        show(shape_report(table))
    if table.error is not None:
        raise UserError(table.error)


def as_contract(table: ShapeTable) -> dict[str, object]:
    """The table as `--json` prints it; `input` is the first of the `inputs`, `output` the first of the `outputs`."""
    return {
        "model": table.model,
        "input_size": table.input_size,
        "rows": [_row(row) for row in table.rows],
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
    }


def _input_size(text: str) -> tuple[int, ...]:
    try:
        size = tuple(int(part) for part in text.lower().replace("×", "x").split("x"))
    except ValueError:
        size = ()
    if not size or min(size) < 1:
        raise UsageError(
            f"the input's shape is {text!r}; it must be positive numbers with x between them, such as 1x28x28"
        )
    return size
