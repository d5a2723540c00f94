"""The Evaluate pane: what a run learned, and where it errs."""
