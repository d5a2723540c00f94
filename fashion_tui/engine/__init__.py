"""The engine: a child process that handles requests that need torch, and the client that panes and commands use."""
