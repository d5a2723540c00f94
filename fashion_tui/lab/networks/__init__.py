"""The built-in networks, custom models, and export of weights."""
