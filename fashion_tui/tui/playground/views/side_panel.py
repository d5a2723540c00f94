"""What stands beside the talk with the kernel: the tensors, and below them a view that was opened.

Beside the transcript where there is room, else above it while it is open.
"""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from fashion_tui.tui.playground.messages import CodeSubmitted, SidePanelLeft, TensorOpened, TensorsListed

if TYPE_CHECKING:
    from .side_view import Ask, SideView
    from .tensors import TensorsView

View = TypeVar("View", bound="SideView")


class SidePanel(Vertical):
    """Empty at first, so that the first paint waits for nothing; each view is made when it is first opened."""

    DEFAULT_CSS = Path(__file__).with_name("side_panel.tcss").read_text(encoding="utf-8")
    SCOPED_CSS = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "back", "back", show=False)]

    def __init__(self, ask: "Ask") -> None:
        super().__init__(id="side-panel")
        self._ask = ask
        self._views: dict[type[SideView], SideView] = {}
        self.view: SideView | None = None
        """The one that is open below the tensors."""
        self.tensors: TensorsView | None = None

    async def fill(self) -> None:
        """To be called after the first paint."""
        from .tensors import TensorsView

        self.tensors = TensorsView(self._ask, id="tensors")
        await self.mount(self.tensors, Vertical(id="views"))
        self.tensors.renew()

    # What the kernel has

    def renew(self) -> None:
        """A cell has run: all that is shown may have changed."""
        for view in (self.tensors, self.view):
            if view is not None:
                view.renew()

    @on(TensorsListed)
    def _tensors_listed(self, message: TensorsListed) -> None:
        if self.view is not None:
            self.view.tensors_listed(message.found)

    def cell_ended(self, code: str, *, is_good: bool) -> None:
        """Views hear of it also while they aren't shown."""
        for view in self._views.values():
            view.cell_ended(code, is_good=is_good)

    def forget(self) -> None:
        """The kernel is gone, and with it all tensors."""
        if self.tensors is not None:
            self.tensors.forget()
        for view in self._views.values():
            view.forget()

    # What a person opens

    def open_tensors(self) -> None:
        if self.tensors is not None:
            self.add_class("-open")
            self.tensors.main_widget().focus()

    async def open_graph(self, name: str) -> None:
        from .graph import GraphView

        (await self._open(GraphView)).open(name)

    async def open_lessons(self) -> None:
        from .lessons import LessonsView

        await self._open(LessonsView)

    async def open_reshape(self, name: str | None) -> None:
        from .reshape import ReshapeView

        if self.tensors is not None:
            (await self._open(ReshapeView)).open(name, self.tensors.found)

    async def open_arithmetic(self) -> None:
        from .arithmetic import ArithmeticView

        await self._open(ArithmeticView)

    @on(TensorOpened)
    async def _open_inside(self, message: TensorOpened) -> None:
        from .tensor import TensorView

        message.stop()
        (await self._open(TensorView)).open(message.name)

    async def _open(self, kind: type[View]) -> View:
        """The view of that kind, in the place of the one that was open."""
        view = self._views.get(kind)
        if not isinstance(view, kind):
            self._views[kind] = view = kind(self._ask)
            await self.query_one("#views").mount(view)
        if self.view is not view:
            self.close_view()
        self.view = view
        view.display = True
        self.add_class("-open", "-view")
        view.main_widget().focus()
        return view

    @property
    def backward(self) -> str | None:
        """The code that sends gradients through the graph that is shown; None where none is."""
        return None if self.view is None else self.view.backward

    def run_backward(self) -> None:
        """As a cell of the person's: what it does, and what goes wrong, stands in the transcript."""
        if self.backward is not None:
            self.post_message(CodeSubmitted(self.backward))

    # Leaving

    def action_back(self) -> None:
        """From a view to the tensors, from these to the prompt."""
        if self.view is not None and self.view.back():
            return
        if self.view is not None and self.tensors is not None:
            self.close_view()
            self.tensors.main_widget().focus()
        else:
            self.remove_class("-open")
            self.post_message(SidePanelLeft())

    def close_view(self) -> None:
        if self.view is not None:
            self.view.display = False
            self.view.close()
            self.view = None
        self.remove_class("-view")
