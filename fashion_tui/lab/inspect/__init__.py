"""Tensors and autograd graphs in a running kernel's namespace: names, statistics, shared memory and gradients.

Reading leaves no trace: it draws no random number from torch's generators, adds nothing to a graph, and calls no method
that the user's classes define. `reshaping` shows what an operation does to the elements of a tensor.
"""
