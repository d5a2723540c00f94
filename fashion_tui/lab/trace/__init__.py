"""The shape trace: `trace` runs a network on shapes alone and records every call of a layer or function.

`record` watches one pass · `model_copy` makes the copy that is run instead of the network itself · `layers`,
`functions` and `windows` describe a call · `rows` finds the batch axis and counts parameters · `arithmetic` derives the
formulas · `explain` explains an error · `remarks` warns about networks that run but look wrong.
"""

from .tracing import trace

__all__ = ["trace"]
