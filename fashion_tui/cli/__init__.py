"""The command line. `main` is the entry point of `fashion-tui`."""

import sys

try:
    from .main import main
except KeyboardInterrupt:  # `main` handles every later Ctrl-C
    sys.exit(130)

__all__ = ["main"]
