"""The engine's process: its end of the socket, the loop over calls, and the functions that handle requests."""
