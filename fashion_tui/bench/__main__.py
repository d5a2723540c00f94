"""`python -m fashion_tui.bench SETUP`: reply to each Task on stdin with a Reply on stdout, one line of JSON each."""

import os
import sys

import msgspec

from fashion_tui.machine.gpus import resolves_to_cpu
from fashion_tui.machine.memory import reuse_freed_memory
from fashion_tui.machine.threads import available_cpus, bind_threads, use_brief_spinning
from fashion_tui.schema.errors import UsageError, UserError

from .messages import AnyTask, Reply, WorkerError, WorkerSetup


def main() -> int:
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # libraries may print to stdout, which must contain only replies

    def send(reply: Reply) -> None:
        replies.write(msgspec.json.encode(reply).decode() + "\n")
        replies.flush()

    setup = msgspec.json.decode(sys.argv[1], type=WorkerSetup)
    if setup.like_trainer:
        reuse_freed_memory()
        use_brief_spinning()
        if resolves_to_cpu(setup.device) and setup.threads == available_cpus():
            bind_threads()
    from .worker import Worker  # noqa: PLC0415 - imports torch, which reads the settings above

    try:
        worker = Worker(setup)
        for line in sys.stdin:
            send(worker.perform(msgspec.json.decode(line, type=AnyTask)))
    except UserError as error:
        send(WorkerError(message=str(error), is_usage=isinstance(error, UsageError)))
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
