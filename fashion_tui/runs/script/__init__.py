"""Runs that a user's own script logs.

`logged_run` is the object that the script uses. It puts what the script logs into a buffer (`values`, `rows`), and a
thread (`writer`) writes the buffer to the run's directory. `settings` converts the script's `config` to JSON.
"""
