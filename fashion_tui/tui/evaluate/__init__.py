"""The Evaluate pane: how well a run's network performs on the test set."""
