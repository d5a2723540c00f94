"""The engine, a child process that handles requests that require torch, and the client for panes and commands."""
