"""Facts and settings of the machine and this process: host, CPUs, threads, memory and GPUs. Doesn't import torch."""
