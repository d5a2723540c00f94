"""Cells of a CSV file that spreadsheets can open safely."""

from fashion_tui.schema.text import printable

FORMULA_STARTS = ("=", "+", "-", "@")
"""Characters with which a formula starts in a spreadsheet."""


def csv_cell(text: str) -> str:
    """Return a string, such as a class name, as a cell: printable, and with a quote in front if it'd be a formula."""
    clean = printable(text)
    return f"'{clean}" if clean.lstrip().startswith(FORMULA_STARTS) else clean
