"""Draw images with the terminal's real pixels instead of its cells."""
