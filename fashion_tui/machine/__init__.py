"""Facts and settings of the machine and of this process: host, CPUs, threads, memory, GPUs. Imports no torch."""
