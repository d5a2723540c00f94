"""What client and engine say to each other: msgpack frames on a private socket, each behind its length in four bytes.

The client sends Call and Cancel. Each Call gets any number of Progress frames and then one Reply or Failure; a
cancelled one may get nothing more. Several calls may be under way; their frames are told apart by `id`.
"""

import struct

import msgspec

from fashion_tui.schema.requests import AnyRequest

HEADER = struct.Struct(">I")
"""Length of the frame's body in bytes."""

LARGEST_FRAME = 256 * 2**20
"""Bytes; a longer frame is a sign that the stream is out of step."""


class _Frame(msgspec.Struct, frozen=True, tag=True):
    id: int
    """Of the call; the client counts them."""


class Call(_Frame, frozen=True, tag="call"):
    request: AnyRequest


class Cancel(_Frame, frozen=True, tag="cancel"):
    """Nobody waits for the answer any more."""


class Progress(_Frame, frozen=True, tag="progress"):
    done: int
    total: int


class Reply(_Frame, frozen=True, tag="reply"):
    result: msgspec.Raw
    """Of the type that the request's docstring names."""


class Failure(_Frame, frozen=True, tag="failure"):
    message: str
    """One line for a person."""
    exit_code: int
    untrusted: bool = False
    """It is an UntrustedSource: a person may be asked, and then the request made again."""


ToEngine = Call | Cancel
ToClient = Progress | Reply | Failure

_encoder = msgspec.msgpack.Encoder()
_to_engine: msgspec.msgpack.Decoder[ToEngine] = msgspec.msgpack.Decoder(ToEngine)
_to_client: msgspec.msgpack.Decoder[ToClient] = msgspec.msgpack.Decoder(ToClient)


class BrokenStream(Exception):
    """What came is no frame of ours."""


def frame(message: ToEngine | ToClient) -> bytes:
    """The message as bytes for the socket."""
    body = _encoder.encode(message)
    return HEADER.pack(len(body)) + body


def body_length(header: bytes) -> int:
    (length,) = HEADER.unpack(header)
    if length > LARGEST_FRAME:
        raise BrokenStream(f"a frame of {length} bytes")
    return int(length)


def decode_for_engine(body: bytes) -> ToEngine:
    try:
        return _to_engine.decode(body)
    except msgspec.DecodeError as error:
        raise BrokenStream(str(error)) from error


def decode_for_client(body: bytes) -> ToClient:
    try:
        return _to_client.decode(body)
    except msgspec.DecodeError as error:
        raise BrokenStream(str(error)) from error


def packed(result: object) -> msgspec.Raw:
    """A result, ready for a Reply."""
    return msgspec.Raw(_encoder.encode(result))
