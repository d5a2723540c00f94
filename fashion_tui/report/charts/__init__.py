"""Charts of metrics over training steps, drawn as text."""
