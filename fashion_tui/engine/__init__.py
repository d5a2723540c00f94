"""The engine: a child process that handles requests requiring torch, and its client for panes and commands."""
