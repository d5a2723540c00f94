"""Show, copy and save the transcript: the cells that have run, and their output."""
