"""The PyTorch code: data, networks, training and evaluation, as taught by the guide (see README.md).

This package depends neither on a terminal nor on runs.
"""
