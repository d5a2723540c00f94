"""The app's colours: an accent, two greys, and the status colours GOOD, ATTENTION and BAD."""

ACCENT = "#5fafd7"
FOREGROUND = "#d0d0d0"
MUTED = "#8a8a8a"
"""Colour of secondary text: units, labels, rules."""
GOOD = "#87af5f"
ATTENTION = "#d7af5f"
BAD = "#d75f5f"
