"""fashion-tui: a laboratory for PyTorch in a terminal."""

__version__ = "0.1.0"
