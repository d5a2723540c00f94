"""A run on disk: written by its trainer, read by everyone else. Knows neither PyTorch nor a terminal.

The trainer and its viewers share these files and nothing more, so that a viewer can come, go or hang as it likes:
`store` makes, lists and finds runs · `events` and `reader` write and follow what happened · `checkpoints` keeps the
weights · `control` carries requests to the trainer · `lock` tells whether one lives · `launch` starts it.
"""
