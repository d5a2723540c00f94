"""Metrics, feature maps and weight histograms of a trained network."""
