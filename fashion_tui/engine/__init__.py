"""The engine: a child process that handles requests which need torch, and its client for panes and commands."""
