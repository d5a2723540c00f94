"""What the views of the drawer have in common: they ask the kernel, and are told when a cell has run."""

from collections.abc import Awaitable
from typing import Protocol, TypeVar

from textual.containers import Vertical
from textual.widget import Widget

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.kernel import Probe
from fashion_tui.schema.tensors import TensorList

Answer = TypeVar("Answer")


class Ask(Protocol):
    def __call__(self, question: Probe, answer_type: type[Answer], /) -> Awaitable[Answer | None]:
        """What the kernel answers; None where it can't. UserError where it says why not."""


class SideView(Vertical):
    def __init__(self, ask: Ask, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._ask = ask

    @property
    def backward(self) -> str | None:
        """The code that sends gradients through what is shown; None where it is no graph."""
        return None

    def main_widget(self) -> Widget:
        """The one that has the focus when the view is opened."""
        raise NotImplementedError

    def renew(self) -> None:
        """A cell has run: what is shown may have changed."""

    def tensors_listed(self, found: TensorList) -> None:
        """These are the tensors that there are now."""

    def cell_ended(self, code: str, *, is_good: bool) -> None:
        """A cell of that code has run; `is_good`: without an error."""

    def forget(self) -> None:
        """The kernel is gone, and with it all tensors."""

    def back(self) -> bool:
        """One step back within the view; False where there is none and the view is to be closed."""
        return False

    def close(self) -> None:
        """It is shown no more."""

    async def answer(self, question: Probe, answer_type: type[Answer]) -> Answer | None:
        """What the kernel says; None where it can't, or where it says why not, which is shown."""
        try:
            return await self._ask(question, answer_type)
        except UserError as error:
            self.show_problem(str(error))
            return None

    def show_problem(self, problem: str) -> None:
        """Say in the view's place why it has nothing to show."""
        raise NotImplementedError
