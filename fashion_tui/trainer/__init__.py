"""The process that trains one run: `python -m fashion_tui.trainer RUN`. It needs no terminal and nobody watching.

What others learn of it they read in the run's directory; what they want of it they leave there (`fashion_tui.runs`).
"""
