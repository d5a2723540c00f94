"""The Model pane: the shape after each layer and function of a network, and an editor for its source."""
