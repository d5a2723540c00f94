"""The Textual app, which paints snapshots and turns key presses into requests.

This package never imports torch, never blocks and never computes.
"""
