"""The lessons: a list of them, and one as a card, step by step, whose cells run in the person's kernel."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Markdown, Static

from fashion_tui.lessons.progress import Progress, default_path
from fashion_tui.lessons.reader import Lesson, LessonStep, lessons
from fashion_tui.report.glyphs import Glyphs, terminal_glyphs
from fashion_tui.report.style import ACCENT, FOREGROUND, GOOD, MUTED
from fashion_tui.tui.actions import IN_LESSONS, bindings
from fashion_tui.tui.playground.messages import CodeProposed, CodeSubmitted, SidePanelLeft
from fashion_tui.tui.widgets.highlight import coloured_line
from fashion_tui.tui.widgets.row_list import RowList

from .side_view import Ask, SideView


class Card(VerticalScroll, can_focus=True):
    """One step: what it is about, its cell, and, once that has run, what to look at."""

    @property
    def allow_vertical_scroll(self) -> bool:
        """Keys that scroll stay here even where there is nothing to scroll, instead of going to the transcript."""
        return True

    def compose(self) -> ComposeResult:
        yield Static(id="lesson-title")
        yield Markdown(id="lesson-text")
        yield Static(id="lesson-code")
        yield Markdown(id="lesson-look")

    async def show(self, lesson: Lesson, number: int, *, has_run: bool) -> None:
        """Step `number`, counted from 0."""
        step, glyphs = lesson.steps[number], terminal_glyphs()
        is_last = number == len(lesson.steps) - 1
        look = (
            "\n\n".join(part for part in (step.observation, lesson.closing if is_last else "") if part)
            if has_run
            else ""
        )
        self.query_one("#lesson-title", Static).update(_title(lesson, number))
        self.query_one("#lesson-code", Static).update(_code(step, glyphs))
        await self.query_one("#lesson-text", Markdown).update(step.text)
        await self.query_one("#lesson-look", Markdown).update(look)
        if has_run:
            self.scroll_end(animate=False)
        else:
            self.scroll_home(animate=False)


class LessonsView(SideView):
    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_LESSONS)

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask, id="lessons")
        self._lessons = {lesson.id: lesson for lesson in lessons()}
        self._progress = Progress()
        self._lesson: Lesson | None = None
        """The one whose card is shown; None: the list."""
        self._step = 0
        self._run: set[tuple[str, int]] = set()
        """Lessons and steps whose cells this kernel has run."""
        self._handed_over: list[tuple[str, int]] = []
        """Those that wait for their turn or run."""

    def compose(self) -> ComposeResult:
        with ContentSwitcher(initial="lesson-list"):
            yield RowList(id="lesson-list")
            yield Card(id="lesson-card")

    def on_mount(self) -> None:
        self._progress.load(default_path())
        self._show_list()
        first = next((one for one in self._lessons if not self._progress.is_finished(one)), None)
        if first is not None:
            self.query_one(RowList).choose(first)

    def main_widget(self) -> Widget:
        return self.query_one(RowList if self._lesson is None else Card)

    def on_resize(self) -> None:
        self._show_list()

    def show_problem(self, problem: str) -> None:
        self.notify(problem, severity="warning", markup=False)

    def cell_ended(self, code: str, *, is_good: bool) -> None:
        for lesson_id, step in self._handed_over:
            steps = self._lessons[lesson_id].steps
            if steps[step].code == code:
                self._handed_over.remove((lesson_id, step))
                if is_good:
                    self._run.add((lesson_id, step))
                    self._progress.finish_step(lesson_id, step + 1, len(steps))
                    self.call_later(self._show)
                return

    def forget(self) -> None:
        self._run.clear()
        self._handed_over.clear()

    def back(self) -> bool:
        if self._lesson is None:
            return False
        self._lesson = None
        self._show_list()
        self.main_widget().focus()
        return True

    async def action_enter(self) -> None:
        """Open the lesson; run the cell; go on to the next step."""
        chosen = self.query_one(RowList).chosen
        if self._lesson is None:
            if chosen is not None:
                self._lesson = self._lessons[chosen]
                done = self._progress.steps_done(chosen)
                self._step = 0 if done >= len(self._lesson.steps) else done
                await self._show()
                self.main_widget().focus()
        elif (self._lesson.id, self._step) in self._run:
            await self.action_turn(1)
        elif not self._handed_over:
            self._run_cells(self._lesson, self._step)

    async def action_turn(self, steps: int) -> None:
        if self._lesson is None:
            return
        if self._step + steps == len(self._lesson.steps):
            self.back()
            return
        self._step = max(self._step + steps, 0)
        await self._show()

    def action_edit(self) -> None:
        """The cell in the prompt, to be changed."""
        if self._lesson is not None:
            self.post_message(CodeProposed(self._lesson.steps[self._step].code))
            self.post_message(SidePanelLeft())

    def _run_cells(self, lesson: Lesson, step: int) -> None:
        """The step's cell, and before it those that it builds on and that this kernel hasn't run."""
        for number in range(step + 1):
            if number == step or (lesson.id, number) not in self._run:
                self._handed_over.append((lesson.id, number))
                self.post_message(CodeSubmitted(lesson.steps[number].code))

    async def _show(self) -> None:
        if self._lesson is None:
            self._show_list()
            return
        self.query_one(ContentSwitcher).current = "lesson-card"
        has_run = (self._lesson.id, self._step) in self._run
        await self.query_one(Card).show(self._lesson, self._step, has_run=has_run)

    def _show_list(self) -> None:
        if self._lesson is not None:
            return
        self.query_one(ContentSwitcher).current = "lesson-list"
        glyphs = terminal_glyphs()
        lines = [self._line(number, lesson, glyphs) for number, lesson in enumerate(self._lessons.values(), 1)]
        self.query_one(RowList).show_rows(list(self._lessons), lines)

    def _line(self, number: int, lesson: Lesson, glyphs: Glyphs) -> Text:
        """`✓ 4  Autograd  2/6`: finished, or how far one has come."""
        done, total = self._progress.steps_done(lesson.id), len(lesson.steps)
        finished = self._progress.is_finished(lesson.id)
        return Text.assemble(
            (glyphs.good if finished else " ", GOOD),
            (f" {number:>2}  ", MUTED),
            (lesson.title, FOREGROUND),
            ("" if finished or not done else f"  {done}/{total}", ACCENT),
        )


def _title(lesson: Lesson, number: int) -> Text:
    return Text.assemble((lesson.title, f"bold {FOREGROUND}"), (f"   {number + 1} of {len(lesson.steps)}", MUTED))


def _code(step: LessonStep, glyphs: Glyphs) -> Text:
    """The cell in its colours, behind a bar."""
    lines = [
        Text.assemble((f"{glyphs.axis} ", ACCENT), coloured_line(Text(line), step.code, number))
        for number, line in enumerate(step.code.split("\n"))
    ]
    return Text("\n").join(lines)
