"""Frozen, typed messages exchanged between processes and packages.

Every type here is a `msgspec.Struct` and is encoded and validated by msgspec, never by hand. This package imports
nothing heavy and none of its sibling packages, so every package may import it.
"""
