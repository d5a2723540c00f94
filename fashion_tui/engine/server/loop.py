"""The engine's main thread: one call after the other, each to its handler, and an answer to each."""

import traceback

from fashion_tui.engine.protocol import Call, Failure, Reply, ToClient, packed
from fashion_tui.schema.errors import UntrustedSource, UserError

from .connection import CallContext, Connection, RequestCancelled
from .kept import Kept
from .table import HANDLERS


def serve(connection: Connection) -> None:
    """Answers until the client leaves, which ends the process."""
    kept = Kept()
    for call in connection.calls():
        connection.send(_answer(call, connection, kept))


def _answer(call: Call, connection: Connection, kept: Kept) -> ToClient:
    try:
        return Reply(
            call.id, packed(HANDLERS[type(call.request)](call.request, CallContext(connection, call.id), kept))
        )
    except RequestCancelled:
        return Failure(call.id, "cancelled", 130)
    except UserError as error:
        return Failure(
            call.id, " ".join(str(error).split()), error.exit_code, untrusted=isinstance(error, UntrustedSource)
        )
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the client gets a line, the log everything
        traceback.print_exc()
        connection.keep_log = True
        reason = str(error).strip().split("\n", 1)[0]
        what = type(error).__name__ + (f": {reason}" if reason else "")
        return Failure(call.id, f"{type(call.request).__name__} failed: {what}; details in {connection.log}", 1)
