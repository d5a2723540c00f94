"""The process that trains one run: `python -m fashion_tui.trainer RUN`. It needs no terminal and no viewer.

It reports in the files of the run's directory, and receives requests there (`fashion_tui.runs`).
"""
