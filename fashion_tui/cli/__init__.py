"""The command line. `main` is the entry point of `fashion-tui`."""

from .main import main

__all__ = ["main"]
