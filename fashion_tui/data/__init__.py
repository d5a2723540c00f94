"""Find, verify, read and download the files of data sets. Doesn't import torch."""
