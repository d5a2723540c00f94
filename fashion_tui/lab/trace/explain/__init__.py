"""Explain an error in a network: what the failing call expected, what it got, and the change that fixes it.

`explain` finds the explanation. `layers`, `recurrent`, `windows`, `functions` and the modules that `functions` uses
explain a call from the shapes of its arguments. `dtypes` and `arguments` explain arguments of the wrong kind, and
`batch_axis` finds an earlier call that removed the batch axis. `python_errors` explains errors that Python raises.
`changes` turns a suggested change into an edit of one line of the source.
"""

from .calls import explain_call
from .explaining import Explained, explain
from .mixing import find_mixing_fix
from .repair import Repair
from .source import error_location, failing_node, parse_file

__all__ = [
    "Explained",
    "Repair",
    "error_location",
    "explain",
    "explain_call",
    "failing_node",
    "find_mixing_fix",
    "parse_file",
]
