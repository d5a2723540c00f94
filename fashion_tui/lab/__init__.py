"""The PyTorch code: data, networks, training and evaluation.

The `guide` network and its training loop come from a public PyTorch guide (see README.md). This package imports neither
the user interface nor the code that manages runs.
"""
