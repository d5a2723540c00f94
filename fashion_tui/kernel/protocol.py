"""The messages of the Jupyter protocol that we read, checked, and what we make of them.

The protocol: https://jupyter-client.readthedocs.io/en/stable/messaging.html
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec

from fashion_tui.schema.plots import Plot, plot_in

from .limits import keep_newest, truncate
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
)

if TYPE_CHECKING:
    from jupyter_client.session import Session

Content = TypeVar("Content", bound=msgspec.Struct)

PROBE_REQUEST = "fashion_tui_probe_request"
PROBE_REPLY = "fashion_tui_probe_reply"
"""Our own messages, beside Jupyter's: `schema.tensors.Probe` and its answer."""

_DELIMITER = b"<IDS|MSG>"


class BadMessage(Exception):
    """Not as the protocol wants it. A program in the kernel may write anything to its sockets."""


@dataclass(frozen=True, slots=True)
class Message:
    kind: str
    """`stream`, `execute_reply`, ..."""
    request: str
    """Id of the request that it belongs to; empty where there is none."""
    client: str
    """Id of the client whose request that was."""
    content: bytes
    """JSON; see `content_of`."""


class _Header(msgspec.Struct, frozen=True):
    msg_type: str


class _ParentHeader(msgspec.Struct, frozen=True):
    msg_id: str = ""
    session: str = ""


_decode_header = msgspec.json.Decoder(_Header).decode
_decode_parent = msgspec.json.Decoder(_ParentHeader).decode


def decode(frames: Sequence[bytes], session: "Session") -> Message:
    """A message as it came from a socket; BadMessage where its form or its signature is wrong."""
    try:
        signed = frames.index(_DELIMITER) + 1
        signature, header, parent, metadata, content = frames[signed : signed + 5]
        if not hmac.compare_digest(signature, session.sign([header, parent, metadata, content])):
            raise BadMessage("wrong signature")
        request = _decode_parent(parent)
        return Message(_decode_header(header).msg_type, request.msg_id, request.session, content)
    except (ValueError, msgspec.DecodeError) as error:
        raise BadMessage(str(error)) from error


def content_of(message: Message, kind: type[Content]) -> Content:
    """The content, checked; BadMessage where it isn't of that kind."""
    try:
        return msgspec.json.decode(message.content, type=kind)
    except msgspec.DecodeError as error:
        raise BadMessage(str(error)) from error


class StreamContent(msgspec.Struct, frozen=True):
    text: str
    name: Literal["stdout", "stderr"] = "stdout"
    dropped_lines: int = 0
    """Left out by our own kernel, before this text."""
    dropped_characters: int = 0


class DataContent(msgspec.Struct, frozen=True):
    data: dict[str, object] = {}
    execution_count: int = 0


class ErrorContent(msgspec.Struct, frozen=True):
    ename: str
    evalue: str
    traceback: tuple[str, ...]


class ExecuteInputContent(msgspec.Struct, frozen=True):
    code: str
    execution_count: int


class StatusContent(msgspec.Struct, frozen=True):
    execution_state: str


class ReplyContent(msgspec.Struct, frozen=True):
    """Of an `execute_reply`."""

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
    """The kernel's answer to one of our own questions."""

    answer: msgspec.Raw = msgspec.Raw(b"null")
    """As the probe's docstring says."""
    problem: str = ""
    """Why there is none, in one line."""
    ready: bool = True
    """The kernel can answer such questions: torch is there."""


class SubshellContent(msgspec.Struct, frozen=True):
    subshell_id: str


class KernelInfoContent(msgspec.Struct, frozen=True):
    supported_features: tuple[str, ...] = ()


def outputs(message: Message) -> list[Output]:
    """What a message of the iopub or stdin channel has to show. BadMessage where it isn't as it should be."""
    match message.kind:
        case "stream":
            return _stream(content_of(message, StreamContent))
        case "execute_result":
            result = content_of(message, DataContent)
            return [Result(result.execution_count, *_shown(result.data))]
        case "display_data" | "update_display_data":
            text, plot = _shown(content_of(message, DataContent).data)
            return [Display(text, plot)] if text or plot else []
        case "error":
            error = content_of(message, ErrorContent)
            return [Error(error.ename, truncate(error.evalue), truncate("\n".join(error.traceback)))]
        case "input_request":
            request = content_of(message, InputContent)
            return [InputRequested(truncate(request.prompt), request.password)]
    return []


def input_elsewhere(message: Message) -> ExternalInput:
    """The cell that an `execute_input` tells of. BadMessage where it isn't as it should be."""
    begun = content_of(message, ExecuteInputContent)
    return ExternalInput(begun.execution_count, truncate(begun.code))


def payload_outputs(reply: ReplyContent) -> list[Output]:
    """What rides on the reply to an execution: a page to read (`name?`), a proposal for the next input."""
    found: list[Output] = []
    for payload in reply.payload:
        if payload.get("source") == "page" and isinstance(data := payload.get("data"), dict):
            found.append(Display(truncate(_plain(data))))
        elif payload.get("source") == "set_next_input":
            found.append(NextInput(truncate(str(payload.get("text", "")))))
    return found


def inspected(content: InspectContent) -> Inspection:
    """What an `inspect_reply` tells."""
    return Inspection("found", truncate(_plain(content.data))) if content.found else Inspection("missing")


def _shown(data: Mapping[str, object]) -> tuple[str, Plot | None]:
    """The text of an output and its figure. A figure that isn't one is told of below the text."""
    text = truncate(_plain(data))
    try:
        return text, plot_in(data)
    except ValueError as error:
        return f"{text}\n{error}".lstrip("\n"), None


def _stream(content: StreamContent) -> list[Output]:
    text, lines, characters = keep_newest(content.text)
    lines += content.dropped_lines
    characters += content.dropped_characters
    dropped: list[Output] = [Dropped(lines, characters)] if lines or characters else []
    return [*dropped, Stream(content.name, text)]


def _plain(data: Mapping[str, object]) -> str:
    return str(data.get("text/plain", ""))
