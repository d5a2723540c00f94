"""The Train pane: runs, live."""
