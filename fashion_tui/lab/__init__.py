"""PyTorch as the guide teaches it: data, networks, training and evaluation. Independent of terminals and runs."""
