"""A cursor over images in a grid that is shown one page at a time."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class GridCursor:
    """A cursor over `total` images, row by row; the pages are consecutive blocks of `rows` rows."""

    total: int = 0
    columns: int = 1
    rows: int = 1
    """Rows of a page."""
    index: int = 0
    """Index of the image under the cursor, over all pages."""

    @property
    def page_size(self) -> int:
        """Images on a full page."""
        return self.columns * self.rows

    @property
    def offset(self) -> int:
        """Index of the page's first image."""
        return self.index - self.index % self.page_size

    @property
    def position(self) -> int:
        """Position of the cursor on its page, from 0."""
        return self.index % self.page_size

    @property
    def page(self) -> int:
        """Number of the page, from 1."""
        return self.index // self.page_size + 1

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.page_size))

    def at(self, index: int) -> "GridCursor":
        """Put the cursor on an image, or on the nearest one that exists."""
        return replace(self, index=min(max(index, 0), max(self.total - 1, 0)))

    def moved(self, right: int, down: int) -> "GridCursor":
        """Move by columns and rows. Moving past the edge of a page turns the page."""
        row = self.index // self.columns + down
        if 0 <= row <= (self.total - 1) // self.columns:
            return self.at(self.index + right + down * self.columns)
        return self

    def turned(self, pages: int) -> "GridCursor":
        """Move by pages and keep the position on the page."""
        page = min(max(self.page - 1 + pages, 0), self.pages - 1)
        return self.at(page * self.page_size + self.position)

    def resized(self, total: int, columns: int, rows: int) -> "GridCursor":
        """Change the number of images or the page's size and keep the cursor on its image."""
        return GridCursor(total, max(columns, 1), max(rows, 1)).at(self.index)
