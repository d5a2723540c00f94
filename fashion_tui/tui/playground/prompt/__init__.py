"""Typing a cell: the editor with completion, documentation, history and search."""
