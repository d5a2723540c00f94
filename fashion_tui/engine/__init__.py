"""The engine: a child process that answers what needs torch, and the client by which panes and commands ask it."""
