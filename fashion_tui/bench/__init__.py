"""Measures this machine: training against the guide's own loop, and what a person waits for.

`measuring` and its modules import torch and run in a process of their own; `client` and `waiting` don't.
"""
