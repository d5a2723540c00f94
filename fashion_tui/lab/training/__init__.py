"""The training loop (`loop.py`) with its optimisers, checkpoints and CUDA graphs."""
