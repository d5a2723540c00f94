"""Computations of the full screens, with their progress, the reason why they failed, and the key that cancels them."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from rich.text import Text
from textual.screen import Screen
from textual.worker import Worker

from fashion_tui.report.formatting import printable
from fashion_tui.report.glyphs import terminal_glyphs
from fashion_tui.report.style import ATTENTION, MUTED
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.requests import Request

from .actions import key_hints, key_of
from .lab_app import LabApp
from .progress_line import progress_line

if TYPE_CHECKING:
    from fashion_tui.engine.client import Engine

Reply = TypeVar("Reply")

CANCELLED = "The computation was cancelled."
COUNT_OF_IMAGES = "{done:,} of {total:,} images"


class ScreenComputation:
    """Runs one coroutine at a time for a screen, and describes its progress or why it failed.

    The screen shows `status` and, in the footer, `label_of`.
    """

    def __init__(  # noqa: PLR0913
        self,
        screen: Screen[Any],
        group: str,
        changed: Callable[[], None],
        *,
        repeat: str = "again",
        amount: str = COUNT_OF_IMAGES,
        engine: "Engine | None" = None,
    ) -> None:
        """Create a computation that isn't running.

        `group` is the group of the screen's actions. Its action `back` must cancel the computation, and its action
        `repeat` must start it again. `changed` is called when the computation starts, makes progress or ends. `amount`
        is a format string for the progress. Requests are sent to `engine`, by default the app's.
        """
        self._screen = screen
        self._group, self._repeat = group, repeat
        self._changed = changed
        self._amount = amount
        self._engine = engine
        self._worker: Worker[None] | None = None
        self._activity = ""
        self.progress: tuple[int, int] | None = None
        """The completed amount and the total, or None if no progress has been reported."""
        self.problem = ""
        """A one-line message that says why the last computation failed, or an empty string."""

    @property
    def is_running(self) -> bool:
        return self._worker is not None

    @property
    def engine(self) -> "Engine":
        return self._engine or cast("LabApp", self._screen.app).engine

    def start(self, activity: str, compute: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Call `compute` in a worker. Cancel the computation that is running, if there is one.

        If `compute` raises UserError, its message becomes the problem. `activity` says what is computed, such as
        `evaluating`.
        """
        self.problem = ""
        self._worker = self._screen.run_worker(partial(self._run, compute), group="computation", exclusive=True)
        self.describe(activity)

    def describe(self, activity: str) -> None:
        """Change the description of the running computation, and reset its progress."""
        self._activity, self.progress = activity, None
        self._report()

    async def _run(self, compute: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await compute()
        except UserError as error:
            self.problem = str(error)
        self._end()

    def cancel(self) -> bool:
        """Cancel the computation. Return whether one was running."""
        if self._worker is None:
            return False
        self.fail(CANCELLED)
        return True

    def fail(self, problem: str) -> None:
        """End the computation, if it is running, and show the reason why it failed."""
        if self._worker is not None:
            self._worker.cancel()
        self.problem = problem
        self._end()

    def _report(self) -> None:
        if self._screen.children:  # there are none while the screen is being opened or closed
            self._changed()

    def _end(self) -> None:
        self._worker = self.progress = None
        self._report()

    async def ask(
        self, request: Request, reply_type: type[Reply], so_far: Callable[[Reply], None] | None = None
    ) -> Reply:
        """Return the engine's reply. While waiting, `progress` is that of the request. See `Engine.ask`."""
        return await self.engine.ask(request, reply_type, self._show_progress, so_far)

    def _show_progress(self, done: int, total: int) -> None:
        if total > 1:
            self.progress = (done, total)
            self._report()

    def status(self, width: int) -> Text:
        """Return the problem or, while the computation is running, its progress. Return an empty text otherwise.

        Keys and a progress bar are included if they fit within `width` columns.
        """
        glyphs = terminal_glyphs()
        back = key_of(self._group, "back")
        if self.problem:
            problem = Text(printable(self.problem, glyphs), ATTENTION)
            hints = key_hints((key_of(self._group, self._repeat), "try again"), (back, "close"))
            line = Text.assemble(problem, "   ", hints)
            return line if line.cell_len <= width else problem
        if self._worker is None:
            return Text()
        if self.progress is None:
            return Text(f"{self._activity} {glyphs.ellipsis}", MUTED)
        done, total = self.progress
        amount, last = (self._amount.format(done=count, total=total) for count in (done, total))
        if progress_line(self._activity, last, total, total, back).cell_len <= width:
            return progress_line(self._activity, amount, done, total, back)
        return Text(f"{self._activity}  {amount}", MUTED)

    def label_of(self, action: str) -> str | None:
        """Return the label of an action in the footer if it isn't the usual one; see `KeyLabels.label_of`."""
        if action == "back" and self.is_running:
            return "cancel"
        return "try again" if action == self._repeat and self.problem else None
