"""The Train pane: runs and their live metrics."""
