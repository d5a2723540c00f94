"""The Data pane: what the network will see."""
