"""Trace the shapes in a network.

`trace` runs copies of a network and records each call of a layer or function. `passes` chooses the batch sizes, and
whether the copies run on real values or on the meta device, from their `cost`.

`runner` runs a copy of the network, made by `model_copy`, on the `inputs`, so the original stays unchanged. `record`
and `recorder` record the `calls` of such a pass, and `origins` where each tensor comes from. `layers`, `functions` and
`windows` describe each call, and `macs` counts its operations.

`table` makes the table: `batch_axis` removes the batch axis, `rows` counts parameters, `arithmetic` derives formulas,
and `timing` times the calls. `explain` explains errors, `remarks` warns about networks that run but look wrong,
`mixing` finds calls that mix the samples of a batch, and `usage` finds unused parameters.
"""

from .cost import LIVE_MODEL, max_parameter_bytes
from .explain import Repair, error_location
from .passes import NeedsValues
from .tracing import trace

__all__ = ["LIVE_MODEL", "NeedsValues", "Repair", "error_location", "max_parameter_bytes", "trace"]
