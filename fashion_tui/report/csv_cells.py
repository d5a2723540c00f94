"""Cells of a CSV file that spreadsheets can open safely."""

from fashion_tui.schema.text import printable

FORMULA_STARTS = ("=", "+", "-", "@")
"""Characters with which a formula starts in a spreadsheet."""


def csv_cell(text: str) -> str:
    """Return a string, such as a class name, as a cell: printable, and preceded by an apostrophe if it is a formula."""
    clean = printable(text)
    return f"'{clean}" if clean.lstrip().startswith(FORMULA_STARTS) else clean
