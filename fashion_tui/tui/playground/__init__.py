"""The Playground: a Python kernel with its transcript, and views of the tensors in that kernel."""
