"""The prompt: an editor with completion, documentation, a history and history search."""
