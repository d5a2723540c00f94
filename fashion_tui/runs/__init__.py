"""A run on disk. Its trainer writes it; all other processes read it. Imports neither torch nor a terminal library.

The trainer and its viewers share only these files, so a viewer can start, exit or hang at any time.

Start with `run`, whose class `Run` represents a run as one object. That class combines `folder`, which opens every
file, with `records` (configuration and status), `events` and `follow` (the log), `checkpoints`, `control` (requests),
`lock` and `trust` (custom models). `store` finds and lists runs, `create` creates them, `reader` follows one run for a
viewer, and `launch` and `spare` start trainers.
"""
