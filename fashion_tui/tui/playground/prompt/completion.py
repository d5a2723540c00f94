"""The names that could stand at the cursor, in columns below the prompt."""

from rich.text import Text
from textual.app import RenderResult
from textual.geometry import Size
from textual.widget import Widget

from fashion_tui.report.style import ACCENT, MUTED
from fashion_tui.tui.playground.messages import HeightChanged

_MOST_ROWS = 6


class CompletionMenu(Widget):
    """Shown while there is something to choose from. None is chosen at first."""

    DEFAULT_CSS = """
    CompletionMenu { height: auto; width: 1fr; padding: 0 0 0 1; display: none; background: $panel; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.start = 0
        """Where in the code the names begin."""
        self._names: tuple[str, ...] = ()
        self._chosen: int | None = None

    @property
    def is_open(self) -> bool:
        return bool(self.display)

    @property
    def chosen(self) -> str | None:
        return None if self._chosen is None else self._names[self._chosen]

    @property
    def common(self) -> str:
        """What all of them begin with."""
        first, last = min(self._names), max(self._names)
        length = next((i for i, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first))
        return first[:length]

    def open(self, names: tuple[str, ...], start: int) -> None:
        self.start = start
        self._names = names
        self._chosen = None
        self.display = True
        self.refresh(layout=True)
        self.post_message(HeightChanged())

    def close(self) -> None:
        self.display = False
        self.post_message(HeightChanged())

    def narrow(self, beginning: str) -> None:
        """Leave only the names that begin so; closes where none does, or that is one already."""
        left = tuple(name for name in self._names if name.startswith(beginning))
        if left in {(), (beginning,)}:
            self.close()
        elif left != self._names:
            self.open(left, self.start)

    def move(self, columns: int = 0, rows: int = 0) -> None:
        """Choose the next name, or the one below; the first where none was chosen."""
        if self._chosen is None:
            self._chosen = 0 if columns + rows > 0 else len(self._names) - 1
        elif rows:
            moved = self._chosen + rows * self._columns
            self._chosen = moved if 0 <= moved < len(self._names) else self._chosen
        else:
            self._chosen = (self._chosen + columns) % len(self._names)
        self.refresh()

    @property
    def _labels(self) -> list[str]:
        """Without the path that all have in common: `randn` for `torch.randn`."""
        path = self.common.rpartition(".")[0]
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
        return min(_MOST_ROWS, -(-len(self._names) // columns))

    def render(self) -> RenderResult:
        width, columns = self._column_width, self._columns
        labels = self._labels
        chosen_row = (self._chosen or 0) // columns
        rows = max(1, self.size.height)
        first = max(0, min(chosen_row - rows // 2, -(-len(labels) // columns) - rows))
        text = Text(no_wrap=True, overflow="crop")
        for row in range(first, first + rows):
            for index in range(row * columns, min((row + 1) * columns, len(labels))):
                label = labels[index][: width - 1]
                text.append(label, f"reverse {ACCENT}" if index == self._chosen else MUTED)
                text.append(" " * (width - len(label)))
            text.append("\n")
        text.rstrip()
        return text
