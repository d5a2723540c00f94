"""Predictions for image files, opened from the Data pane."""
