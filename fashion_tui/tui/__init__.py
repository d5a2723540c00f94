"""The terminal app, built with Textual.

This package never imports torch. Other processes do the work that needs torch, so the app always responds to keys.
"""
