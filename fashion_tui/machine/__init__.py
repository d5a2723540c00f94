"""Information about the machine, and settings of this process: host, CPUs, threads, memory and GPUs.

This package doesn't import torch.
"""
