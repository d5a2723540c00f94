"""A cursor in a grid of images that is shown one page at a time."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class GridCursor:
    """A cursor in a grid of `total` images.

    The images are counted row by row. Each page is a block of `rows` consecutive rows.
    """

    total: int = 0
    columns: int = 1
    rows: int = 1
    """Number of rows per page."""
    index: int = 0
    """Index of the image under the cursor, counted across all pages."""

    @property
    def page_size(self) -> int:
        """Number of images on a full page."""
        return self.columns * self.rows

    @property
    def offset(self) -> int:
        """Index of the first image on the cursor's page."""
        return self.index - self.index % self.page_size

    @property
    def position(self) -> int:
        """Position of the cursor on its page, counted from 0."""
        return self.index % self.page_size

    @property
    def page(self) -> int:
        """Number of the cursor's page, counted from 1."""
        return self.index // self.page_size + 1

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.page_size))

    def at(self, index: int) -> "GridCursor":
        """Return a cursor on the image at this index. The index is clamped to the valid range."""
        return replace(self, index=min(max(index, 0), max(self.total - 1, 0)))

    def moved(self, right: int, down: int) -> "GridCursor":
        """Return a cursor moved by columns and rows. Moving past the edge of a page turns the page."""
        row = self.index // self.columns + down
        if 0 <= row <= (self.total - 1) // self.columns:
            return self.at(self.index + right + down * self.columns)
        return self

    def turned(self, pages: int) -> "GridCursor":
        """Return a cursor moved by a number of pages, at the same position on the page."""
        page = min(max(self.page - 1 + pages, 0), self.pages - 1)
        return self.at(page * self.page_size + self.position)

    def resized(self, total: int, columns: int, rows: int) -> "GridCursor":
        """Return a cursor on the same image after the number of images or the page size has changed."""
        return GridCursor(total, max(columns, 1), max(rows, 1)).at(self.index)
