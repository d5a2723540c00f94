"""The user's notes on a run: a title, tags and a text."""

from typing import Annotated

import msgspec

MAX_TITLE = 200
MAX_TAG = 50
MAX_TAGS = 50
MAX_NOTE = 10_000
"""Maximum length of a note, in characters."""

Tag = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TAG)]


class Notes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`notes.json`: what the user has written about a run. A run without this file has empty notes."""

    title: Annotated[str, msgspec.Meta(max_length=MAX_TITLE)] = ""
    """Name to display instead of the run's id, or an empty string."""
    tags: Annotated[tuple[Tag, ...], msgspec.Meta(max_length=MAX_TAGS)] = ()
    """Tags in the order in which they were added, without duplicates."""
    note: Annotated[str, msgspec.Meta(max_length=MAX_NOTE)] = ""
