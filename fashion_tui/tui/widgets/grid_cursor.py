"""Where one stands among many pictures, of which a page at a time is shown. Numbers only."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class GridCursor:
    """A cursor over `total` pictures in rows; pages follow each other like the rows of one long wall."""

    total: int = 0
    columns: int = 1
    rows: int = 1
    """Of a page."""
    index: int = 0
    """The picture under the cursor, from 0."""

    @property
    def capacity(self) -> int:
        """Pictures of a full page."""
        return self.columns * self.rows

    @property
    def offset(self) -> int:
        """The page's first picture."""
        return self.index - self.index % self.capacity

    @property
    def cursor(self) -> int:
        """The cursor's place on its page, from 0."""
        return self.index % self.capacity

    @property
    def page(self) -> int:
        """From 1."""
        return self.index // self.capacity + 1

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.capacity))

    def at(self, index: int) -> "GridCursor":
        """The cursor on that picture, or on the nearest that there is."""
        return replace(self, index=min(max(index, 0), max(self.total - 1, 0)))

    def moved(self, right: int, down: int) -> "GridCursor":
        """So many pictures to the right and rows down; over the edge of a page begins the next one."""
        row = self.index // self.columns + down
        if 0 <= row <= (self.total - 1) // self.columns:
            return self.at(self.index + right + down * self.columns)
        return self

    def turned(self, pages: int) -> "GridCursor":
        """So many pages on, with the cursor where it was on the page; no further than the last page."""
        page = min(max(self.page - 1 + pages, 0), self.pages - 1)
        return self.at(page * self.capacity + self.cursor)

    def resized(self, total: int, columns: int, rows: int) -> "GridCursor":
        """Another page size or number of pictures; the cursor stays on its picture."""
        return GridCursor(total, max(columns, 1), max(rows, 1)).at(self.index)
