"""A menu of completions for the name at the cursor, shown in columns below the prompt."""

from rich.text import Text
from textual.app import RenderResult
from textual.geometry import Size
from textual.widget import Widget

from fashion_tui.report.style import ACCENT, MUTED
from fashion_tui.tui.playground.messages import HeightChanged

_MAX_ROWS = 6


class CompletionMenu(Widget):
    """A menu of completions, shown if there are several completions. Initially, none is selected."""

    DEFAULT_CSS = """
    CompletionMenu { height: auto; width: 1fr; padding: 0 0 0 1; display: none; background: $panel; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.start = 0
        """Index in the code at which the selected completion is inserted."""
        self._names: tuple[str, ...] = ()
        self._selected: int | None = None

    @property
    def is_open(self) -> bool:
        return bool(self.display)

    @property
    def selected(self) -> str | None:
        return None if self._selected is None else self._names[self._selected]

    @property
    def common_prefix(self) -> str:
        """The longest prefix that all names share."""
        first, last = min(self._names), max(self._names)
        length = next((i for i, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first))
        return first[:length]

    def open(self, names: tuple[str, ...], start: int) -> None:
        """Show the names. The selected name will be inserted at index `start` of the code."""
        self.start = start
        self._names = names
        self._selected = None
        self.display = True
        self.refresh(layout=True)
        self.post_message(HeightChanged())

    def close(self) -> None:
        self.display = False
        self.post_message(HeightChanged())

    def filter(self, prefix: str) -> None:
        """Keep only the names that begin with `prefix`.

        Close the menu if no name is left, or if the only name left is `prefix` itself.
        """
        names = tuple(name for name in self._names if name.startswith(prefix))
        if names in {(), (prefix,)}:
            self.close()
        elif names != self._names:
            self.open(names, self.start)

    def move(self, columns: int = 0, rows: int = 0) -> None:
        """Move the selection. If nothing is selected, select the first name, or the last name when moving backward."""
        if self._selected is None:
            self._selected = 0 if columns + rows > 0 else len(self._names) - 1
        elif rows:
            moved = self._selected + rows * self._columns
            self._selected = moved if 0 <= moved < len(self._names) else self._selected
        else:
            self._selected = (self._selected + columns) % len(self._names)
        self.refresh()

    @property
    def _labels(self) -> list[str]:
        """The names without their common dotted prefix, such as `randn` for `torch.randn`."""
        path = self.common_prefix.rpartition(".")[0]
        return [name[len(path) :].removeprefix(".") for name in self._names]

    @property
    def _column_width(self) -> int:
        return min(max(map(len, self._labels), default=0) + 2, max(self.size.width, 1))

    @property
    def _columns(self) -> int:
        return max(1, self.size.width // self._column_width)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        longest = max(map(len, self._labels), default=0) + 2
        columns = max(1, width // longest)
        return min(_MAX_ROWS, -(-len(self._names) // columns))

    def render(self) -> RenderResult:
        width, columns = self._column_width, self._columns
        labels = self._labels
        selected_row = (self._selected or 0) // columns
        rows = max(1, self.size.height)
        first = max(0, min(selected_row - rows // 2, -(-len(labels) // columns) - rows))
        text = Text(no_wrap=True, overflow="crop")
        for row in range(first, first + rows):
            for index in range(row * columns, min((row + 1) * columns, len(labels))):
                label = labels[index][: width - 1]
                text.append(label, f"reverse {ACCENT}" if index == self._selected else MUTED)
                text.append(" " * (width - len(label)))
            text.append("\n")
        text.rstrip()
        return text
