"""Encode images of a data set as PNG."""

from io import BytesIO

from fashion_tui.schema.dataset import ImageShape

MIN_SIDE = 112
"""Minimum length of an image's longer side, in pixels. Pixels are repeated, because viewers would blur them."""


def png(pixels: bytes, shape: ImageShape) -> bytes:
    """Return an image, uint8 `[C, H, W]` with one or three channels, as a PNG file.

    A small image is enlarged by a whole number.
    """
    # Only reports need these packages, which take 0.1 s to import.
    import numpy as np  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    channels, height, width = shape
    planes = np.frombuffer(pixels, np.uint8).reshape(shape)
    image = Image.fromarray(planes[0] if channels == 1 else np.ascontiguousarray(np.moveaxis(planes, 0, -1)))
    scale = max(-(-MIN_SIDE // max(height, width)), 1)
    content = BytesIO()
    image.resize((width * scale, height * scale), Image.Resampling.NEAREST).save(content, "PNG", optimize=True)
    return content.getvalue()
