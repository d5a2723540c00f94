"""Inspect tensors and autograd graphs in a running kernel's namespace: names, statistics, shared memory and gradients.

Inspection has no side effects: it draws no random numbers from torch's generators, adds nothing to an autograd graph,
and calls no method of the user's classes. The module `reshaping` shows what an operation does to the elements of a
tensor.
"""
