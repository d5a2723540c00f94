"""`python -m fashion_tui.engine --fd N --log FILE`: answer requests on socket N until its other end is closed."""

import argparse
import faulthandler
import gc
import socket
import sys
from pathlib import Path

from fashion_tui.machine.streams import optional_stream
from fashion_tui.machine.threads import use_passive_waiting

from .server.connection import Connection


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fashion_tui.engine")
    parser.add_argument("--fd", type=int, required=True, help="descriptor of a socket inherited from the client")
    parser.add_argument("--log", type=Path, required=True, help="file that stdout and stderr are redirected to")
    arguments = parser.parse_args()
    faulthandler.enable()
    use_passive_waiting()
    # User code must be able to print any string in any locale.
    sys.stdout = optional_stream(sys.stdout, "utf-8", "replace")
    sys.stderr = optional_stream(sys.stderr, "utf-8", "replace")
    connection = Connection(socket.socket(fileno=arguments.fd), arguments.log)
    connection.listen()
    # Importing torch takes seconds. Meanwhile, the listening thread notices if the client exits.
    gc.disable()
    from .server.serve import serve  # noqa: PLC0415

    gc.freeze()  # otherwise, replies are delayed by 0.1 s whenever the collector traverses all of torch's objects
    gc.enable()
    serve(connection)


if __name__ == "__main__":
    main()
