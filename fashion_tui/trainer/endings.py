"""How a trainer may end before its run is finished."""

from fashion_tui.schema.errors import UserError


class Stop(Exception):
    """The run is to end here, all being saved; `reason` is `asked` or the signal's name."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TrainingFailed(UserError):
    """The training can't go on: what happened, where, and what to try, in one line."""
