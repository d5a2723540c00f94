"""Convert SVG images to PNG with resvg (the extra `png`)."""

from fashion_tui.schema.errors import UserError

from .svg import FONTS

SCALE = 2
"""Pixels per unit of the SVG image. The image is therefore sharp on high-resolution screens."""

_SMALL = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">{}</svg>'


def svg_to_png(svg: str) -> bytes:
    """Convert an SVG image to PNG. Raises UserError if resvg-py or a suitable font isn't installed."""
    try:
        import resvg_py  # noqa: PLC0415 -- optional
    except ImportError:
        raise UserError(
            "a .png file needs the package resvg-py; install fashion-tui[png], or choose a name that ends in .svg"
        ) from None
    letter, nothing = _SMALL.format(f'<text y="9" font-family="{FONTS}">M</text>'), _SMALL.format("")
    if resvg_py.svg_to_bytes(svg_string=letter) == resvg_py.svg_to_bytes(svg_string=nothing):
        raise UserError(
            "a .png file needs one of these fonts: DejaVu Sans Mono, Liberation Mono, Noto Sans Mono; install one, or "
            "choose a name that ends in .svg"
        )
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=SCALE))
