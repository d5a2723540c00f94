"""The files of a data set: where they lie, whether they are whole, and how to get them. Knows no torch."""
