"""The lessons view, which lists the lessons and shows one step at a time. The cells run in the user's kernel."""

import ast
from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

from rich.text import Text
from textual import getters
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Markdown, Static

from fashion_tui.lessons.names import CellNames, names_in
from fashion_tui.lessons.progress import Progress, default_path
from fashion_tui.lessons.reader import Lesson, LessonStep, lessons
from fashion_tui.report.glyphs import Glyphs, terminal_glyphs
from fashion_tui.report.style import ACCENT, ATTENTION, FOREGROUND, GOOD, MUTED
from fashion_tui.tui.actions import GROUPS, IN_LESSONS, bindings, key_hints, key_of
from fashion_tui.tui.pane_actions import PANE_NAMES
from fashion_tui.tui.playground.cell_runner import CellRunner
from fashion_tui.tui.playground.messages import CodeProposed, CodeSubmitted, LessonOpened, SidePanelLeft
from fashion_tui.tui.widgets.highlight import highlight_line
from fashion_tui.tui.widgets.lines import GrowingLines
from fashion_tui.tui.widgets.row_list import RowList

from .side_view import SideView

CONTINUATION_INDENT = 4
"""Extra indentation, in columns, of the second and later rows of a wrapped line of code."""

_KEYS = {action.name: action.key_text for action in IN_LESSONS}

KEYS_IN_TEXTS: dict[str, str] = {
    **{action.id: key_of("playground", action.id) for action in GROUPS["playground"]},
    **{name: key_of("everywhere", name, inside_editors=True) for name in PANE_NAMES},
    "new_run": key_of("train", "new_run"),
}
"""Keys that the text of a lesson can mention as `{name}`."""


class StepCard(VerticalScroll, can_focus=True):
    """A widget that shows one step: an explanation, a cell and, after the cell has run, an observation."""

    _title = getters.query_one("#lesson-title", Static)
    _text = getters.query_one("#lesson-text", Markdown)
    _code = getters.query_one("#lesson-code", GrowingLines)
    _observation = getters.query_one("#lesson-observation", Markdown)
    _notice = getters.query_one("#lesson-notice", Static)

    @property
    def allow_vertical_scroll(self) -> bool:
        """Always True, so that scroll keys never reach the transcript, even if the step fits without scrolling."""
        return True

    def compose(self) -> ComposeResult:
        yield Static(id="lesson-title")
        yield Markdown(id="lesson-text")
        yield GrowingLines(id="lesson-code")
        yield Markdown(id="lesson-observation")
        yield Static(id="lesson-notice")

    def show_notice(self, notice: Text) -> None:
        """Show a notice below the step."""
        self._notice.update(notice)

    async def show(self, lesson: Lesson, index: int, *, has_run: bool) -> None:
        """Show the step at this index. `has_run` says whether its cell has run."""
        glyphs = terminal_glyphs()
        step = lesson.steps[index]
        is_last = index == len(lesson.steps) - 1
        after = [step.observation, lesson.closing if is_last else ""] if has_run else []
        self._title.update(_title(lesson, index))
        self._code.fit(lambda width: code_lines(step.code, width, glyphs))
        await self._text.update(step.text.format_map(KEYS_IN_TEXTS))
        await self._observation.update("\n\n".join(part for part in after if part).format_map(KEYS_IN_TEXTS))
        if has_run:
            self.scroll_end(animate=False)
        else:
            self.scroll_home(animate=False, immediate=True)


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
        self._step_index = 0
        """Index of the step that is shown."""
        self._finished: set[tuple[str, int]] = set()
        """Lesson id and step index of each cell that has run in this kernel without an error."""
        self._submitted: list[tuple[str, int]] = []
        """Lesson id and step index of each cell that is queued or running."""
        self._failed: tuple[str, int] | None = None
        """Lesson id and step index of the last cell submitted by a lesson, if that cell failed."""
        self._assigned_by: dict[str, str] = {}
        """For each assigned name, the id of the lesson that last assigned it, or "" if other code did."""

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

    def label_of(self, action: str) -> str | None:
        """While the list is shown, label only the key that opens a lesson."""
        if self._lesson is not None:
            return None
        return "open" if action == "enter" else ""

    def on_resize(self) -> None:
        self._show_list()

    def show_problem(self, problem: str) -> None:
        self.notify(problem, severity="warning", markup=False)

    def cell_finished(self, code: str, *, succeeded: bool) -> None:
        submitted = next((step for step in self._submitted if self._step(*step).code == code), None)
        if submitted is not None:
            self._submitted.remove(submitted)
            self._failed = None if succeeded else submitted
        step = submitted or self._step_with(code)
        if succeeded:
            self._assigned_by |= dict.fromkeys(names_in(code).assigned, step[0] if step else "")
        if succeeded and step is not None:
            self._finished.add(step)
            self._progress.finish_step(step[0], step[1] + 1, len(self._lessons[step[0]].steps))
            self.call_later(self._show)
        else:
            self._show_notice()

    def kernel_ended(self) -> None:
        self._finished.clear()
        self._submitted.clear()
        self._assigned_by.clear()
        self._failed = None
        self._show_notice()

    # Cells and steps

    def _step(self, lesson_id: str, index: int) -> LessonStep:
        return self._lessons[lesson_id].steps[index]

    @cached_property
    def _steps_by_syntax(self) -> dict[str, list[tuple[str, int]]]:
        """Maps the syntax tree of a cell to the lesson id and index of each step that has this cell."""
        steps: dict[str, list[tuple[str, int]]] = {}
        for lesson in self._lessons.values():
            for index, step in enumerate(lesson.steps):
                steps.setdefault(_syntax(step.code), []).append((lesson.id, index))
        return steps

    def _step_with(self, code: str) -> tuple[str, int] | None:
        """Return the step whose cell equals `code`, apart from spaces and comments, or None if no step matches.

        If several steps match, prefer the open lesson, and then the step closest to the current step.
        """
        steps = self._steps_by_syntax.get(_syntax(code), [])
        open_lesson = "" if self._lesson is None else self._lesson.id
        return min(steps, key=lambda step: (step[0] != open_lesson, abs(step[1] - self._step_index)), default=None)

    def _overwritten_names(self, lesson: Lesson, index: int) -> list[str]:
        """Return names that the step needs from earlier steps but that cells outside the lesson have overwritten."""
        earlier = [names_in(step.code) for step in lesson.steps[:index]]
        used = names_in(lesson.steps[index].code).read
        return sorted(
            name
            for name in _with_dependencies(used, earlier)
            if self._assigned_by.get(name, lesson.id) != lesson.id and any(name in cell.assigned for cell in earlier)
        )

    def back(self) -> bool:
        if self._lesson is None:
            return False
        self._lesson = None
        self._show_list()
        self.main_widget().focus()
        return True

    # Keys

    async def action_enter(self) -> None:
        """Open the lesson under the cursor, run the step's cell, or go to the next step if the cell has already run."""
        selected = self._list.chosen
        if self._lesson is None:
            if selected is not None:
                await self._open(self._lessons[selected])
        elif (self._lesson.id, self._step_index) in self._finished:
            await self.action_turn(1)
        elif not self._submitted:
            self._run_cells(self._lesson, self._step_index)

    async def action_turn(self, steps: int) -> None:
        """Move by `steps` within the lesson. From the last step, move to the next lesson or back to the list."""
        if self._lesson is None:
            return
        if self._step_index + steps < len(self._lesson.steps):
            self._step_index = max(self._step_index + steps, 0)
            await self._show()
        elif (following := self._following(self._lesson)) is not None:
            self._list.choose(following.id)
            await self._open(following)
        else:
            self.back()

    def action_start_over(self) -> None:
        """Rerun all cells of the lesson up to this step."""
        if self._lesson is not None and not self._submitted:
            self._finished -= {(self._lesson.id, index) for index in range(self._step_index + 1)}
            self._run_cells(self._lesson, self._step_index)

    def action_edit(self) -> None:
        """Put the step's cell into the prompt."""
        if self._lesson is not None:
            self.post_message(CodeProposed(self._lesson.steps[self._step_index].code))
            self.post_message(SidePanelLeft())

    async def _open(self, lesson: Lesson) -> None:
        """Open a lesson at its first unfinished step, or at the first step if all steps are finished."""
        self._lesson = lesson
        done = self._progress.steps_done(lesson.id)
        self._step_index = 0 if done >= len(lesson.steps) else done
        self.post_message(_lesson_opened(lesson))
        await self._show()
        self.main_widget().focus()

    def _following(self, lesson: Lesson) -> Lesson | None:
        """Return the next lesson, or None if this is the last one."""
        every = list(self._lessons.values())
        return next(iter(every[every.index(lesson) + 1 :]), None)

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
        self._show_notice()
        has_run = (self._lesson.id, self._step_index) in self._finished
        await self._card.show(self._lesson, self._step_index, has_run=has_run)

    def _show_notice(self) -> None:
        """Show which keys to press when a cell has failed, names have been overwritten or the lesson is finished."""
        if self._lesson is not None:
            self._card.show_notice(self._notice(self._lesson, self._step_index))

    def _notice(self, lesson: Lesson, index: int) -> Text:
        enter, start_over = _KEYS["enter"], _KEYS["start_over"]
        if (lesson.id, index) in self._finished:
            if index + 1 < len(lesson.steps):
                return Text()
            following = self._following(lesson)
            return key_hints((enter, "all lessons" if following is None else f"next lesson: {following.title}"))
        overwritten = self._overwritten_names(lesson, index)
        if overwritten:
            problem = f"Overwritten by another cell: {', '.join(overwritten)}."
        elif self._failed == (lesson.id, index):
            problem = "The cell failed."
        else:
            return Text()
        hints = key_hints(
            (start_over, "from the beginning"), (enter, "run it anyway" if overwritten else "run it again")
        )
        return Text.assemble((problem, ATTENTION), "\n", hints)

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


def _lesson_opened(lesson: Lesson) -> LessonOpened:
    names = frozenset[str]().union(*(names_in(step.code).assigned for step in lesson.steps))
    prose = "".join(step.text + step.observation for step in lesson.steps)
    return LessonOpened(names, mentions_memory_groups="≡" in prose)


def _syntax(code: str) -> str:
    """Return the syntax tree of a cell as a string. If the code isn't plain Python, return it unchanged."""
    try:
        return ast.dump(ast.parse(code))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return code


def _with_dependencies(names: frozenset[str], cells: Sequence[CellNames]) -> frozenset[str]:
    """Return the names plus all global names that the functions among them use, directly or indirectly."""
    while True:
        needed = names.union(*(cell.read_by_functions for cell in cells if cell.functions & names))
        if needed == names:
            return names
        names = needed


def code_lines(code: str, width: int, glyphs: Glyphs) -> list[Text]:
    """Return the highlighted cell with a bar on its left. Wrapped lines keep their indentation."""
    lines = code.split("\n")
    bar = (f"{glyphs.axis} ", ACCENT)
    return [
        Text.assemble(bar, row)
        for index, line in enumerate(lines)
        for row in _wrapped(highlight_line(Text(line), lines, index), width - len(bar[0]))
    ]


def _wrapped(line: Text, width: int) -> list[Text]:
    """Split a line of code into rows of at most `width` columns, at spaces if possible."""
    indent = len(line.plain) - len(line.plain.lstrip())
    prefix = ""
    rows = []
    while len(prefix) + line.cell_len > width:
        limit = max(width - len(prefix), 1)
        start = 0 if prefix else indent
        space = line.plain.rfind(" ", start + 1, limit + 1)
        cut = limit if space <= start else space
        rows.append(Text.assemble(prefix, line[:cut]))
        rest = line[cut:]
        line = rest[len(rest.plain) - len(rest.plain.lstrip()) :]
        prefix = " " * min(indent + CONTINUATION_INDENT, width // 2)
    return [*rows, Text.assemble(prefix, line)]
