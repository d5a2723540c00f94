"""The training loop (`loop.py`) with its optimizers, checkpoints and CUDA graphs."""
