"""Information about the machine (host, CPUs, GPUs), and settings of this process (threads, memory).

This package doesn't import torch.
"""
