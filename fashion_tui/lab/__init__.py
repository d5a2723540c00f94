"""PyTorch, as the guide teaches it: data, networks, training, evaluation. Knows no terminal, no process, no run."""
