"""What happens to the shape at every step: `trace` runs a network on shapes alone and writes down each step.

`record` watches one pass · `twin` makes what is run instead of the network itself · `layers` and `functions` say how a
call reads · `rows` finds the batch axis and counts · `explain` puts an error into words.
"""

from .tracing import trace

__all__ = ["trace"]
