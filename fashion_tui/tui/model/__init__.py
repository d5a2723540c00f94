"""The Model pane: what happens to the shape at every step."""
