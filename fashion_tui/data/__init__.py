"""The files of data sets: finding, verifying, reading and downloading them. Imports no torch."""
