"""The Data pane, which shows the images of the data set."""
