"""What stands in the fields of the convolution arithmetic, read as windows that slide."""

import re
from collections.abc import Mapping
from typing import Literal, get_args

from fashion_tui.schema.errors import UserError
from fashion_tui.schema.windows import SlidingWindow, check_window

Kind = Literal["convolution", "pooling"]
KINDS: tuple[Kind, ...] = get_args(Kind)
FieldName = Literal["size", "kernel", "padding", "stride", "dilation"]
FIELDS: tuple[FieldName, ...] = get_args(FieldName)

SIZE = "28"
FIRST: dict[Kind, dict[FieldName, str]] = {
    "convolution": {"kernel": "5", "padding": "2", "stride": "1", "dilation": "1"},
    "pooling": {"kernel": "2", "padding": "0", "stride": "", "dilation": "1"},
}
"""Those of the guide's network. A pool without a stride moves on by its kernel."""

_MOST = 99_999


def slides_of(texts: Mapping[FieldName, str], kind: Kind, *, ceil_mode: bool) -> tuple[SlidingWindow, SlidingWindow]:
    """Along height and width. UserError, with what is wrong, where torch would refuse."""
    is_pool = kind == "pooling"
    texts = {**texts, "stride": texts["kernel"]} if is_pool and not texts["stride"].strip() else texts
    along_axes = zip(*(_read(field, texts[field]) for field in FIELDS), strict=True)
    height, width = (
        SlidingWindow(
            input_size=size, kernel=kernel, padding=(padding, padding), stride=stride, dilation=dilation,
            ceil_mode=is_pool and ceil_mode,
        )
        for size, kernel, padding, stride, dilation in along_axes
    )  # fmt: skip
    check_window(height, is_pool=is_pool)
    check_window(width, is_pool=is_pool)
    return height, width


def stepped(field: FieldName, text: str, by: int) -> str:
    """So much more, or less, as far as it makes sense; the text itself where it is no number."""
    try:
        height, width = (min(max(number + by, _least(field)), _MOST) for number in _read(field, text))
    except UserError:
        return text
    return str(height) if height == width else f"{height}x{width}"


def _read(field: FieldName, text: str) -> tuple[int, int]:
    """`28`, or `28x32` for height and width."""
    if not (found := re.fullmatch(r"\s*(-?\d+)(?:\s*[x×,]\s*(-?\d+))?\s*", text)):
        raise UserError(f"{field} {text.strip()!r}: write a whole number, or two such as 3x5 for height and width")
    height = int(found[1])
    width = height if found[2] is None else int(found[2])
    for number in (height, width):
        if number < _least(field):
            raise UserError(f"{field} {number}: the least is {_least(field)}")
        if number > _MOST:
            raise UserError(f"{field} {number}: the most here is {_MOST:,}")
    return height, width


def _least(field: FieldName) -> int:
    return 0 if field == "padding" else 1
