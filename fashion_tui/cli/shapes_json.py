"""The output of `fashion-tui shapes --json`."""

from collections.abc import Sequence

from fashion_tui.report.data_flow import data_flow, row_positions
from fashion_tui.report.shape_comparison import RowPair
from fashion_tui.report.shapes import visible_rows
from fashion_tui.schema.shapes import NETWORK_INPUT, ShapeRow, ShapeTable
from fashion_tui.schema.training_costs import TrainingCosts


def table_as_json(table: ShapeTable, depth: int | None = None) -> dict[str, object]:
    """Return the output of `--json`. In each row, `input` is `inputs[0]` and `output` is `outputs[0]`.

    `from` in a row and `row` in a remark are indices into the list `rows`, which omits rows deeper than `depth`. `from`
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
        "samples_compared": table.samples_compared,
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
        "step_seconds": costs.step_seconds(table, batch),
        "free_bytes": costs.throughput.free_memory,
        "largest_batch": costs.largest_batch,
    }


def comparison_as_json(
    first: ShapeTable, second: ShapeTable, pairs: Sequence[RowPair], depth: int | None
) -> dict[str, object]:
    """Return the output for two networks. In each row, `first` and `second` are indices of these networks' rows."""
    positions = [
        {index: position for position, index in enumerate(visible_rows(table, depth=depth))}
        for table in (first, second)
    ]
    return {
        "first": table_as_json(first, depth),
        "second": table_as_json(second, depth),
        "rows": [
            {
                "first": None if pair.first is None else positions[0][pair.first],
                "second": None if pair.second is None else positions[1][pair.second],
                "differences": pair.differences,
            }
            for pair in pairs
        ],
    }
