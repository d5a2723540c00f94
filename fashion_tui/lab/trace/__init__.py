"""Trace the shapes in a network.

`trace` runs a network without computing values and records each call of a layer or function.

`record` records one pass through a copy of the network, made by `model_copy`, so the original stays unchanged.
`layers`, `functions` and `windows` describe each call. `rows` removes the batch axis and counts parameters,
`arithmetic` derives formulas, and `timing` times the calls. `explain` explains errors, and `remarks` warns about
networks that run but look wrong.
"""

from .explain import Repair
from .tracing import trace

__all__ = ["Repair", "trace"]
