"""Find problems in a data set: duplicates and labels that are probably wrong."""
