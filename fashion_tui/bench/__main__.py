"""`python -m fashion_tui.bench REQUEST`: answers a `BenchRequest`, JSON, with lines of `Told` on stdout."""

import os
import sys

import msgspec

from fashion_tui.schema.bench import BenchRequest
from fashion_tui.schema.errors import UsageError, UserError

from .client import Told
from .measuring import measure


def main() -> int:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer

    def tell(told: Told) -> None:
        answers.write(msgspec.json.encode(told).decode() + "\n")
        answers.flush()

    try:
        request = msgspec.json.decode(sys.argv[1], type=BenchRequest)
        found = measure(request, lambda doing, done, total: tell(Told(doing=doing, done=done, total=total)))
    except UserError as error:
        tell(Told(problem=str(error), is_usage=isinstance(error, UsageError)))
        return error.exit_code
    tell(Told(measured=found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
