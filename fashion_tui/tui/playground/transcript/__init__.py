"""The cells that ran and what they printed, and saving them."""
