"""The prompt: an editor for cells, with completion, documentation, history and history search."""
