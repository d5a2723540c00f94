"""Read and write the files of a run. This package imports neither torch nor a terminal library.

The trainer of a run and its viewers share only files, so a viewer can start, exit or hang at any time without affecting
the trainer.

The module `run` contains the class `Run`, which represents a run as one object. It uses `folder` to open files,
`records` for the configuration and status, `events` and `follow` for the log, `checkpoints`, `control` for requests,
`lock`, `notes` for what the user has written, and `trust` for custom models. `location` finds the runs folder, `store`
finds and lists its runs, `fields` and `filter` select and sort them, `trash` deletes them, `create` creates them,
`reader` follows one run for a viewer, and `launch` and `spare` start trainers.
"""
