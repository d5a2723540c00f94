"""`python -m fashion_tui.bench ASSIGNMENT`: answers each `Order` on stdin with an `Answer` on stdout, lines of JSON."""

import os
import sys

import msgspec

from fashion_tui.machine.gpus import resolves_to_cpu
from fashion_tui.machine.memory import reuse_freed_memory
from fashion_tui.machine.threads import available_cpus, bind_threads, use_brief_spinning
from fashion_tui.schema.errors import UsageError, UserError

from .orders import Answer, Assignment, Describe, Problem, Turn, Whole


def main() -> int:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer

    def say(answer: Answer) -> None:
        answers.write(msgspec.json.encode(answer).decode() + "\n")
        answers.flush()

    assignment = msgspec.json.decode(sys.argv[1], type=Assignment)
    if assignment.as_trainer:
        reuse_freed_memory()
        use_brief_spinning()
        if resolves_to_cpu(assignment.device) and assignment.threads == available_cpus():
            bind_threads()
    from .worker import Worker  # noqa: PLC0415 - imports torch, whose memory and threads are settled now

    try:
        worker = Worker(assignment)
        for line in sys.stdin:
            say(worker.answer(msgspec.json.decode(line, type=Describe | Turn | Whole)))
    except UserError as error:
        say(Problem(text=str(error), is_usage=isinstance(error, UsageError)))
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
