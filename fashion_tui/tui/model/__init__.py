"""The Model pane: a network's tensor shape after each layer and function, and an editor for its source."""
