"""The Playground: a REPL for a Python kernel, and views of the kernel's tensors."""
