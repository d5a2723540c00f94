"""The shape trace: `trace` runs a network without computing values and records every call of a layer or function.

`record` records one pass · `model_copy` copies the network, so that the original stays unchanged · `layers`,
`functions` and `windows` describe a call · `rows` removes the batch axis and counts parameters · `arithmetic` derives
formulas · `explain` explains errors · `remarks` warns about networks that run but look wrong · `timing` times calls.
"""

from .tracing import trace

__all__ = ["trace"]
