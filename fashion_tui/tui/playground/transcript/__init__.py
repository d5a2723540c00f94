"""The transcript of the cells that ran and their output: showing, copying and saving it."""
