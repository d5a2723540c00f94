"""Typing a cell: editor, completion, documentation, history and search."""
