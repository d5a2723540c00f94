"""Build HTML and SVG as a tree of elements, which escapes every string when it is written."""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from fashion_tui.schema.text import printable

Content = ET.Element | str


def element(tag: str, *content: Content, **attributes: object) -> ET.Element:
    """Return an element with strings and elements as its content.

    In the names of attributes, underscores become hyphens; a trailing underscore is removed (`class_`). Characters that
    can't be printed are replaced, except for line breaks.
    """
    node = ET.Element(
        tag, {name.removesuffix("_").replace("_", "-"): printable(f"{value}") for name, value in attributes.items()}
    )
    for part in content:
        if isinstance(part, ET.Element):
            node.append(part)
        elif len(node):
            node[-1].tail = (node[-1].tail or "") + _printable_lines(part)
        else:
            node.text = (node.text or "") + _printable_lines(part)
    return node


def _printable_lines(text: str) -> str:
    return "\n".join(printable(line) for line in text.split("\n"))


def table(header: Sequence[Content], rows: Sequence[Sequence[Content]], *, class_: str) -> ET.Element:
    """Return a table whose first column has the names of the rows."""
    head = element("tr", *(element("th", cell, scope="col") for cell in header))
    body = [
        element("tr", element("th", name, scope="row"), *(element("td", cell) for cell in cells))
        for name, *cells in rows
    ]
    return element("table", element("thead", head), element("tbody", *body), class_=class_)


def html_text(root: ET.Element) -> str:
    return "<!DOCTYPE html>\n" + ET.tostring(root, encoding="unicode", method="html") + "\n"


def svg_text(root: ET.Element) -> str:
    """Return an SVG element as a standalone document."""
    return ET.tostring(root, encoding="unicode") + "\n"
