"""The engine's side: the connection, the loop over requests, and a file of handlers for each kind of request."""
