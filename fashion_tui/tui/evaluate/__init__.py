"""The Evaluate pane: how well a run's network does on the test set."""
