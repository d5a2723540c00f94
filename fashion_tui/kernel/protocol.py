"""Decode and check the Jupyter messages from the kernel, and convert them to outputs.

The protocol is described at https://jupyter-client.readthedocs.io/en/stable/messaging.html.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec

from fashion_tui.schema.plots import Plot, plot_in

from .limits import MAX_CHARACTERS, keep_newest, truncate
from .outputs import (
    Display,
    Dropped,
    Error,
    ExternalInput,
    InputRequested,
    Inspection,
    NextInput,
    Output,
    Result,
    Stream,
    TracebackPart,
)

if TYPE_CHECKING:
    from jupyter_client.session import Session

Content = TypeVar("Content", bound=msgspec.Struct)

PROBE_REQUEST = "fashion_tui_probe_request"
"""A message type that we add to Jupyter's protocol. The content is a `schema.kernel.Probe`."""

PROBE_REPLY = "fashion_tui_probe_reply"
"""The message type of the reply to a `PROBE_REQUEST`. The content is a `ProbeContent`."""

WIDTH_CHANGED = "fashion_tui_width_changed"
"""An addition to Jupyter's message types. The content is a `WidthContent`. The kernel doesn't reply."""

_DELIMITER = b"<IDS|MSG>"


class BadMessage(Exception):
    """Raised for a message that violates the protocol. User code can write anything to the kernel's sockets."""


@dataclass(frozen=True, slots=True)
class Message:
    kind: str
    """Message type: `stream`, `execute_reply`, …"""
    request: str
    """Id of the request that caused the message, or "" if there is none."""
    client: str
    """Id of the client that sent the request."""
    content: bytes
    """Content of the message in JSON; `content_of` decodes it."""


class _Header(msgspec.Struct, frozen=True):
    msg_type: str


class _ParentHeader(msgspec.Struct, frozen=True):
    msg_id: str = ""
    session: str = ""


_decode_header = msgspec.json.Decoder(_Header).decode
_decode_parent = msgspec.json.Decoder(_ParentHeader).decode


def decode(frames: Sequence[bytes], session: "Session") -> Message:
    """Decode the frames of a message. Raises BadMessage if the message is malformed or has a wrong signature."""
    try:
        signed = frames.index(_DELIMITER) + 1
        signature, header, parent, metadata, content = frames[signed : signed + 5]
        if not hmac.compare_digest(signature, session.sign([header, parent, metadata, content])):
            raise BadMessage("wrong signature")
        request = _decode_parent(parent)
        return Message(_decode_header(header).msg_type, request.msg_id, request.session, content)
    except (ValueError, msgspec.DecodeError) as error:
        raise BadMessage(str(error)) from error


def content_of(message: Message, content_type: type[Content]) -> Content:
    """Decode the content of a message. Raises BadMessage if the content isn't a valid `content_type`."""
    try:
        return msgspec.json.decode(message.content, type=content_type)
    except msgspec.DecodeError as error:
        raise BadMessage(str(error)) from error


class StreamContent(msgspec.Struct, frozen=True):
    text: str
    name: Literal["stdout", "stderr"] = "stdout"
    dropped_lines: int = 0
    """Number of lines that the kernel dropped before this text."""
    dropped_characters: int = 0


class DataContent(msgspec.Struct, frozen=True):
    data: dict[str, object] = {}
    execution_count: int = 0


class ErrorContent(msgspec.Struct, frozen=True):
    ename: str
    evalue: str
    traceback: tuple[str, ...]
    library: tuple[bool, ...] = ()
    """For each string in `traceback`, whether it is a frame of library code. Empty if user code sent the message."""
    explanation: str = ""


class ExecuteInputContent(msgspec.Struct, frozen=True):
    code: str
    execution_count: int


class StatusContent(msgspec.Struct, frozen=True):
    execution_state: str


class ExecuteReplyContent(msgspec.Struct, frozen=True):
    status: str
    execution_count: int | None = None
    ename: str = ""
    evalue: str = ""
    payload: tuple[dict[str, object], ...] = ()


class InputContent(msgspec.Struct, frozen=True):
    prompt: str = ""
    password: bool = False


class CompleteContent(msgspec.Struct, frozen=True):
    matches: tuple[str, ...] = ()
    cursor_start: int = 0
    cursor_end: int = 0


class IsCompleteContent(msgspec.Struct, frozen=True):
    status: Literal["complete", "incomplete", "invalid", "unknown"]
    indent: str = ""


class InspectContent(msgspec.Struct, frozen=True):
    found: bool = False
    data: dict[str, object] = {}


class ProbeContent(msgspec.Struct, frozen=True):
    """The kernel's reply to a probe."""

    answer: msgspec.Raw = msgspec.Raw(b"null")
    """The answer in JSON. The docstring of the probe's class names the type of the answer."""
    problem: str = ""
    """One line that says why the probe failed, or an empty string."""
    ready: bool = True
    """False if the kernel can't answer the probe yet, because torch isn't loaded."""


class WidthContent(msgspec.Struct, frozen=True):
    columns: int


class SubshellContent(msgspec.Struct, frozen=True):
    subshell_id: str


class KernelInfoContent(msgspec.Struct, frozen=True):
    supported_features: tuple[str, ...] = ()


def outputs_of(message: Message) -> list[Output]:
    """Return the outputs in a message from the iopub or stdin channel. Raises BadMessage if the message is invalid."""
    match message.kind:
        case "stream":
            return _stream(content_of(message, StreamContent))
        case "execute_result":
            result = content_of(message, DataContent)
            return [Result(result.execution_count, *_text_and_plot(result.data))]
        case "display_data" | "update_display_data":
            text, plot = _text_and_plot(content_of(message, DataContent).data)
            return [Display(text, plot)] if text or plot else []
        case "error":
            return [_error(content_of(message, ErrorContent))]
        case "input_request":
            request = content_of(message, InputContent)
            return [InputRequested(truncate(request.prompt), request.password)]
    return []


def external_input(message: Message) -> ExternalInput:
    """Convert an `execute_input` message to an output. Raises BadMessage if the message is invalid."""
    content = content_of(message, ExecuteInputContent)
    return ExternalInput(content.execution_count, truncate(content.code), message.request)


def payload_outputs(reply: ExecuteReplyContent) -> list[Output]:
    """Return the outputs in an `execute_reply`'s payload: the page shown for `name?`, or code for the next input."""
    outputs: list[Output] = []
    for payload in reply.payload:
        if payload.get("source") == "page" and isinstance(data := payload.get("data"), dict):
            outputs.append(Display(truncate(_plain_text(data))))
        elif payload.get("source") == "set_next_input":
            outputs.append(NextInput(truncate(str(payload.get("text", "")))))
    return outputs


def inspection(content: InspectContent) -> Inspection:
    """Convert the content of an `inspect_reply` message."""
    return Inspection("found", truncate(_plain_text(content.data))) if content.found else Inspection("missing")


def _text_and_plot(data: Mapping[str, object]) -> tuple[str, Plot | None]:
    """Return the text and the plot of an output. If the plot is invalid, the text ends with the reason."""
    text = truncate(_plain_text(data))
    try:
        return text, plot_in(data)
    except ValueError as error:
        return f"{text}\n{error}".lstrip("\n"), None


def _error(content: ErrorContent) -> Error:
    traceback = truncate("\n".join(content.traceback))
    parts = tuple(map(TracebackPart, content.traceback, content.library)) if len(content.traceback) > 1 else ()
    if sum(len(part.text) for part in parts) > MAX_CHARACTERS:
        parts = ()
    return Error(content.ename, truncate(content.evalue), traceback, parts, truncate(content.explanation))


def _stream(content: StreamContent) -> list[Output]:
    text, lines, characters = keep_newest(content.text)
    lines += content.dropped_lines
    characters += content.dropped_characters
    dropped: list[Output] = [Dropped(lines, characters)] if lines or characters else []
    return [*dropped, Stream(content.name, text)]


def _plain_text(data: Mapping[str, object]) -> str:
    return str(data.get("text/plain", ""))
