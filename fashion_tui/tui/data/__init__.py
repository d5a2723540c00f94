"""The Data pane: the images that the network sees."""
