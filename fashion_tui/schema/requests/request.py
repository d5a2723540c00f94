"""The base class of all requests."""

import msgspec


class Request(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base class of all requests."""
