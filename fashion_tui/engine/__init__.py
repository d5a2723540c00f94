"""The engine: a child process that handles requests that need torch, and its client for panes and commands."""
