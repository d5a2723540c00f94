"""Widgets that are used by more than one pane."""
