"""The process that trains one run: `python -m fashion_tui.trainer RUN`. It needs no terminal and no viewer.

It writes its reports to files in the run's directory and reads requests from there (`fashion_tui.runs`).
"""
