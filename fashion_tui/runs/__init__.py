"""A run on disk: written by its trainer, read by everyone else. Imports neither torch nor a terminal library.

The trainer and its viewers share only these files, so a viewer can start, exit or hang at any time.

Start with `run`, which represents a run as one object. It combines `folder`, which opens every file, with `records`
(configuration and status), `events` and `follow` (the log), `checkpoints`, `control` (requests), `lock` and `trust`
(custom models). `store` finds and lists runs, `create` makes them, `reader` follows one for a viewer, and `launch` and
`spare` start trainers.
"""
