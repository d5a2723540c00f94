"""Tensors as they live in a namespace: their names, their numbers, their memory, and the graph behind them.

It looks without leaving a mark: no random number is drawn from torch's generator, nothing is added to a graph, and no
method of a person's class is called.
"""
