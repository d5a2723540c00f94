"""The command line: parses, then hands over. `main` is the entry point of `fashion-tui`."""

from .main import main

__all__ = ["main"]
