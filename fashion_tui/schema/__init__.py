"""The frozen, typed things that cross a border between two processes or two packages.

Everything here is a `msgspec.Struct`: encoded and validated by msgspec, never by hand. Imports nothing heavy and none
of its sibling packages, so that everyone may import it.
"""
