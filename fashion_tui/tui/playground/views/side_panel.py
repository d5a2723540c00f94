"""The side panel: the table of tensors and, below it, one more view.

Wide screens show the panel beside the transcript. Narrow screens show it above the transcript while it is open.
"""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual import getters, on
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from fashion_tui.tui.playground.cell_runner import CellRunner
from fashion_tui.tui.playground.messages import (
    CodeSubmitted,
    LessonOpened,
    SidePanelLeft,
    TensorOpened,
    TensorsListed,
)

if TYPE_CHECKING:  # these imports would delay the first paint
    from .side_view import SideView
    from .tensors import TensorsView

View = TypeVar("View", bound="SideView")


class SidePanel(Vertical):
    """The side panel, which is empty until `load` is called after the first paint.

    Each view is created when it is first opened.
    """

    DEFAULT_CSS = Path(__file__).with_name("side_panel.tcss").read_text(encoding="utf-8")
    SCOPED_CSS = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "back", show=False)]

    _view_container = getters.query_one("#views", Vertical)

    def __init__(self, runner: CellRunner) -> None:
        super().__init__(id="side-panel")
        self.tensors_view: TensorsView | None = None
        """The table of tensors, or None until `load` is called."""
        self._runner = runner
        self._views: dict[type[SideView], SideView] = {}
        self._open_view: SideView | None = None
        """The view that is open below the table of tensors, if any."""

    async def load(self) -> None:
        """Create the table of tensors. Call this after the first paint."""
        from .tensors import TensorsView

        self.tensors_view = TensorsView(self._runner, id="tensors")
        await self.mount(self.tensors_view, Vertical(id="views"))
        self.tensors_view.reload()

    # The kernel

    def reload(self) -> None:
        """Update all visible views."""
        for view in (self.tensors_view, self._open_view):
            if view is not None:
                view.reload()

    @on(TensorsListed)
    def _tensors_listed(self, message: TensorsListed) -> None:
        if self._open_view is not None:
            self._open_view.tensors_listed(message.tensors)

    def cell_finished(self, code: str, *, succeeded: bool) -> None:
        for view in self._views.values():
            view.cell_finished(code, succeeded=succeeded)

    def kernel_ended(self) -> None:
        if self.tensors_view is not None:
            self.tensors_view.kernel_ended()
        for view in self._views.values():
            view.kernel_ended()

    # Opening views

    def open_tensors(self) -> None:
        """Focus the table of tensors. On a narrow screen, the table replaces the open view."""
        if self.tensors_view is not None:
            if self.screen.has_class("-narrow"):
                self._close_view()
            self.add_class("-open")
            self.tensors_view.main_widget().focus()

    async def open_graph(self, name: str) -> None:
        from .graph import GraphView

        (await self._open(GraphView)).show_graph(name)

    async def open_lessons(self) -> None:
        from .lessons import LessonsView

        await self._open(LessonsView)

    async def open_reshape(self, name: str | None) -> None:
        from .reshape import ReshapeView

        if self.tensors_view is not None:
            (await self._open(ReshapeView)).show_tensor(name, self.tensors_view.tensors)

    async def open_arithmetic(self) -> None:
        from .arithmetic import ArithmeticView

        await self._open(ArithmeticView)

    @on(LessonOpened)
    def _lesson_opened(self, message: LessonOpened) -> None:
        message.stop()
        if self.tensors_view is not None:
            self.tensors_view.show_lesson(message.names, mentions_memory_groups=message.mentions_memory_groups)

    @on(TensorOpened)
    async def _open_tensor(self, message: TensorOpened) -> None:
        from .tensor import TensorView

        message.stop()
        (await self._open(TensorView)).show_tensor(message.name)

    async def _open(self, view_type: type[View]) -> View:
        """Open the view of this type and close the view that was open before."""
        view = self._views.get(view_type)
        if not isinstance(view, view_type):
            self._views[view_type] = view = view_type(self._runner)
            await self._view_container.mount(view)
        if self._open_view is not view:
            self._close_view()
        self._open_view = view
        view.display = True
        self.add_class("-open", "-view")
        view.main_widget().focus()
        return view

    @property
    def backward_code(self) -> str | None:
        """Code that runs backward() on the displayed graph, or None if backward() can't be run."""
        return None if self._open_view is None else self._open_view.backward_code

    def run_backward(self) -> None:
        """Run backward() as a cell, so that its output and errors are shown in the transcript."""
        if self.backward_code is not None:
            self.post_message(CodeSubmitted(self.backward_code))

    # Closing views

    def action_back(self) -> None:
        """Return from a view to the tensors, and from the tensors to the prompt."""
        if self._open_view is not None and self._open_view.back():
            return
        if self._open_view is not None and self.tensors_view is not None:
            self._close_view()
            self.tensors_view.main_widget().focus()
        else:
            self.remove_class("-open")
            self.post_message(SidePanelLeft())

    def _close_view(self) -> None:
        if self._open_view is not None:
            self._open_view.display = False
            self._open_view.closed()
            self._open_view = None
        self.remove_class("-view")
