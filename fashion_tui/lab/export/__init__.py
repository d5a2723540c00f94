"""Export a trained network to a file that other programs can read, and check the file."""
