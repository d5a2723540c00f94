"""The engine's process: its connection to the client, the loop over calls, and the request handlers."""
