"""The transcript: the cells that ran and what they printed, shown, copied and saved."""
