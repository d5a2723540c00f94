"""The messages between client and engine: msgpack frames on a private socket, each preceded by its length.

The client sends Call and Cancel. The engine answers each Call with any number of Progress frames and then one Reply or
Failure; a cancelled call may get no more frames. Calls may overlap, so each frame contains the `id` of its call.
"""

import struct
from typing import Literal

import msgspec

from fashion_tui.schema.requests import AnyRequest

HEADER = struct.Struct(">I")
"""Header of a frame, containing the length of the frame's body in bytes."""

MAX_FRAME = 256 * 2**20
"""Maximum length of a frame's body in bytes. A larger length means that the stream is corrupt."""


NONE = msgspec.Raw(b"\xc0")
"""The encoding of None."""


class _Message(msgspec.Struct, frozen=True, tag=True):
    id: int
    """Id of the call, assigned by the client."""


class Call(_Message, frozen=True, tag="call"):
    request: AnyRequest


class Cancel(_Message, frozen=True, tag="cancel"):
    """Cancels a call. The client no longer waits for an answer."""


class Check(_Message, frozen=True, tag="check"):
    """Asks for the state of a call. The engine answers with a Status at once, even while it is handling a call."""


CallState = Literal["starting", "queued", "running", "unknown"]
"""State of a call in the engine.

The state is `starting` while the engine isn't ready for any call. It is `unknown` if the engine has already answered
the call or never received it.
"""


class Status(_Message, frozen=True, tag="status"):
    state: CallState


class Progress(_Message, frozen=True, tag="progress"):
    done: int
    total: int
    so_far: msgspec.Raw = NONE
    """The encoded result so far, or NONE if the handler doesn't report it. Its type is that of the final result."""


class Reply(_Message, frozen=True, tag="reply"):
    result: msgspec.Raw
    """The encoded result. Its type is named in the request's docstring."""


class Failure(_Message, frozen=True, tag="failure"):
    message: str
    """One-line error message for the user."""
    exit_code: int
    untrusted: bool = False
    """Whether the error is an UntrustedSource. The client may ask the user to trust the source and repeat the call."""
    fields: tuple[str, ...] = ()
    """Names of the fields whose values cause the error, as in UserError."""


ToEngine = Call | Cancel | Check
ToClient = Progress | Reply | Failure | Status

_encoder = msgspec.msgpack.Encoder()
_to_engine: msgspec.msgpack.Decoder[ToEngine] = msgspec.msgpack.Decoder(ToEngine)
_to_client: msgspec.msgpack.Decoder[ToClient] = msgspec.msgpack.Decoder(ToClient)


class BrokenStream(Exception):
    """Raised when the received bytes aren't a valid frame."""


def encode_frame(message: ToEngine | ToClient) -> bytes:
    body = _encoder.encode(message)
    return HEADER.pack(len(body)) + body


def body_length(header: bytes) -> int:
    (length,) = HEADER.unpack(header)
    if length > MAX_FRAME:
        raise BrokenStream(f"a frame of {length:,} bytes; the maximum is {MAX_FRAME:,}")
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


def encode_result(result: object) -> msgspec.Raw:
    """Encode the result of a request, for use in a Reply."""
    return msgspec.Raw(_encoder.encode(result))
