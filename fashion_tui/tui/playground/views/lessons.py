"""The lessons: a list of them, and one lesson step by step, with cells that run in the user's kernel."""

from typing import ClassVar

from rich.text import Text
from textual import getters
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
from fashion_tui.tui.playground.cell_runner import CellRunner
from fashion_tui.tui.playground.messages import CodeProposed, CodeSubmitted, SidePanelLeft
from fashion_tui.tui.widgets.highlight import highlight_line
from fashion_tui.tui.widgets.row_list import RowList

from .side_view import SideView


class StepCard(VerticalScroll, can_focus=True):
    """Shows one step: an explanation, a cell and, after the cell has run, what to observe."""

    _title = getters.query_one("#lesson-title", Static)
    _text = getters.query_one("#lesson-text", Markdown)
    _code = getters.query_one("#lesson-code", Static)
    _observation = getters.query_one("#lesson-observation", Markdown)

    @property
    def allow_vertical_scroll(self) -> bool:
        """True even if everything fits, so that scroll keys never reach the transcript."""
        return True

    def compose(self) -> ComposeResult:
        yield Static(id="lesson-title")
        yield Markdown(id="lesson-text")
        yield Static(id="lesson-code")
        yield Markdown(id="lesson-observation")

    async def show(self, lesson: Lesson, index: int, *, has_run: bool) -> None:
        """Show the step at this index. `has_run` says whether its cell has run."""
        step = lesson.steps[index]
        is_last = index == len(lesson.steps) - 1
        after = [step.observation, lesson.closing if is_last else ""] if has_run else []
        self._title.update(_title(lesson, index))
        self._code.update(_code(step, terminal_glyphs()))
        await self._text.update(step.text)
        await self._observation.update("\n\n".join(part for part in after if part))
        if has_run:
            self.scroll_end(animate=False)
        else:
            self.scroll_home(animate=False)


class LessonsView(SideView):
    BINDINGS: ClassVar[list[BindingType]] = bindings(IN_LESSONS)

    _switcher = getters.query_one(ContentSwitcher)
    _list = getters.query_one(RowList)
    _card = getters.query_one(StepCard)

    def __init__(self, runner: CellRunner) -> None:
        super().__init__(runner, id="lessons")
        self._lessons = {lesson.id: lesson for lesson in lessons()}
        self._progress = Progress()
        self._lesson: Lesson | None = None
        """The open lesson, or None while the list is shown."""
        self._step = 0
        """Index of the step that is shown."""
        self._finished: set[tuple[str, int]] = set()
        """Lesson id and step index of each cell that this kernel has run."""
        self._submitted: list[tuple[str, int]] = []
        """Lesson id and step index of each cell that is queued or running."""

    def compose(self) -> ComposeResult:
        with ContentSwitcher(initial="lesson-list"):
            yield RowList(id="lesson-list")
            yield StepCard(id="lesson-card")

    def on_mount(self) -> None:
        self._progress.load(default_path())
        self._show_list()
        next_lesson = next((lesson for lesson in self._lessons if not self._progress.is_finished(lesson)), None)
        if next_lesson is not None:
            self._list.choose(next_lesson)

    def main_widget(self) -> Widget:
        return self._list if self._lesson is None else self._card

    def on_resize(self) -> None:
        self._show_list()

    def show_problem(self, problem: str) -> None:
        self.notify(problem, severity="warning", markup=False)

    def cell_finished(self, code: str, *, succeeded: bool) -> None:
        for lesson_id, step in self._submitted:
            steps = self._lessons[lesson_id].steps
            if steps[step].code == code:
                self._submitted.remove((lesson_id, step))
                if succeeded:
                    self._finished.add((lesson_id, step))
                    self._progress.finish_step(lesson_id, step + 1, len(steps))
                    self.call_later(self._show)
                return

    def kernel_ended(self) -> None:
        self._finished.clear()
        self._submitted.clear()

    def back(self) -> bool:
        if self._lesson is None:
            return False
        self._lesson = None
        self._show_list()
        self.main_widget().focus()
        return True

    # Keys

    async def action_enter(self) -> None:
        """Open the lesson under the cursor, run the cell of the step, or go to the next step."""
        selected = self._list.chosen
        if self._lesson is None:
            if selected is not None:
                self._lesson = self._lessons[selected]
                done = self._progress.steps_done(selected)
                self._step = 0 if done >= len(self._lesson.steps) else done
                await self._show()
                self.main_widget().focus()
        elif (self._lesson.id, self._step) in self._finished:
            await self.action_turn(1)
        elif not self._submitted:
            self._run_cells(self._lesson, self._step)

    async def action_turn(self, steps: int) -> None:
        """Move forward by `steps` in the lesson. After the last step, return to the list."""
        if self._lesson is None:
            return
        if self._step + steps == len(self._lesson.steps):
            self.back()
            return
        self._step = max(self._step + steps, 0)
        await self._show()

    def action_edit(self) -> None:
        """Put the step's cell into the prompt."""
        if self._lesson is not None:
            self.post_message(CodeProposed(self._lesson.steps[self._step].code))
            self.post_message(SidePanelLeft())

    def _run_cells(self, lesson: Lesson, step: int) -> None:
        """Run the cell of a step, preceded by the cells of earlier steps that this kernel hasn't run."""
        for index in range(step + 1):
            if index == step or (lesson.id, index) not in self._finished:
                self._submitted.append((lesson.id, index))
                self.post_message(CodeSubmitted(lesson.steps[index].code))

    # Painting

    async def _show(self) -> None:
        if self._lesson is None:
            self._show_list()
            return
        self._switcher.current = "lesson-card"
        await self._card.show(self._lesson, self._step, has_run=(self._lesson.id, self._step) in self._finished)

    def _show_list(self) -> None:
        if self._lesson is not None:
            return
        self._switcher.current = "lesson-list"
        glyphs = terminal_glyphs()
        lines = [self._list_line(number, lesson, glyphs) for number, lesson in enumerate(self._lessons.values(), 1)]
        self._list.show_rows(list(self._lessons), lines)

    def _list_line(self, number: int, lesson: Lesson, glyphs: Glyphs) -> Text:
        """Return a line such as ` 4 Autograd 2/6`, with a check mark instead of `2/6` once the lesson is finished."""
        done, total = self._progress.steps_done(lesson.id), len(lesson.steps)
        is_finished = self._progress.is_finished(lesson.id)
        return Text.assemble(
            (glyphs.good if is_finished else " ", GOOD),
            (f" {number:>2}  ", MUTED),
            (lesson.title, FOREGROUND),
            ("" if is_finished or not done else f"  {done}/{total}", ACCENT),
        )


def _title(lesson: Lesson, index: int) -> Text:
    return Text.assemble((lesson.title, f"bold {FOREGROUND}"), (f"   {index + 1} of {len(lesson.steps)}", MUTED))


def _code(step: LessonStep, glyphs: Glyphs) -> Text:
    """Return the highlighted cell with a bar at its left."""
    code = step.code.split("\n")
    bar = (f"{glyphs.axis} ", ACCENT)
    return Text("\n").join(
        Text.assemble(bar, highlight_line(Text(line), code, index)) for index, line in enumerate(code)
    )
