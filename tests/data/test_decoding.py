"""Decoding and resizing, compared with NumPy's and torchvision's results for the same pixels."""

import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision.transforms.functional import resize

from fashion_tui.data.decoding import EXTENSIONS, MAX_PIXELS, UnreadableImage, decode, fit_to
from fashion_tui.schema.dataset import Fit

Pixels = NDArray[np.uint8]


def noise(*shape: int) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


COLOURS = noise(5, 7, 3)
GREYS = noise(5, 7)


def saved(folder: Path, image: Image.Image, name: str, **options: Any) -> Path:
    image.save(folder / name, **options)
    return folder / name


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.ppm"])
def test_colours_are_decoded_as_they_are(tmp_path: Path, name: str) -> None:
    np.testing.assert_array_equal(decode(saved(tmp_path, Image.fromarray(COLOURS), name)), COLOURS)


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "LA", "RGBA"])
def test_an_image_with_only_grey_pixels_has_two_axes_in_every_mode(tmp_path: Path, mode: str) -> None:
    pixels = decode(saved(tmp_path, Image.fromarray(GREYS).convert(mode), "a.png"))
    np.testing.assert_array_equal(pixels, GREYS)


def test_the_content_determines_the_format(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.fromarray(COLOURS), "a.png").rename(tmp_path / "a.jpg")
    np.testing.assert_array_equal(decode(path), COLOURS)


def test_a_palette_is_replaced_by_its_colours(tmp_path: Path) -> None:
    palette, indices = noise(256, 3), GREYS
    image = Image.fromarray(indices, "L")
    image.putpalette(palette.tobytes())
    np.testing.assert_array_equal(decode(saved(tmp_path, image, "a.png")), palette[indices])


def test_black_and_white_are_0_and_255(tmp_path: Path) -> None:
    bits = GREYS > 100
    np.testing.assert_array_equal(decode(saved(tmp_path, Image.fromarray(bits), "a.png")), np.where(bits, 255, 0))


def test_transparent_pixels_are_drawn_on_white(tmp_path: Path) -> None:
    drawing = noise(5, 7, 4)
    opacity = drawing[..., 3:] / 255
    expected = drawing[..., :3] * opacity + 255 * (1 - opacity)
    np.testing.assert_allclose(decode(saved(tmp_path, Image.fromarray(drawing), "a.png")), expected, atol=1)


def test_a_transparent_palette_entry_is_white(tmp_path: Path) -> None:
    indices, palette = (GREYS % 4).astype(np.uint8), noise(4, 3)
    image = Image.fromarray(indices, "L")
    image.putpalette(palette.tobytes())
    for name in ("a.png", "a.gif"):
        expected = np.where(indices[..., np.newaxis] == 2, 255, palette[indices])
        np.testing.assert_array_equal(decode(saved(tmp_path, image, name, transparency=2)), expected)


def test_cmyk_is_converted_to_colours(tmp_path: Path) -> None:
    inks = noise(5, 7, 4)
    expected = (255.0 - inks[..., :3]) * (255.0 - inks[..., 3:]) / 255
    np.testing.assert_allclose(decode(saved(tmp_path, Image.fromarray(inks, "CMYK"), "a.tif")), expected, atol=1)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.pgm"])
def test_16_bits_are_scaled_to_8(tmp_path: Path, name: str) -> None:
    values = np.array([[0, 1, 128, 129, 256], [257, 1000, 30_000, 65_406, 65_535]], np.uint16)
    np.testing.assert_array_equal(decode(saved(tmp_path, Image.fromarray(values), name)), np.rint(values / 257))


def test_32_bits_are_refused_because_their_range_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage, match="32 bits"):
        decode(saved(tmp_path, Image.fromarray(GREYS.astype(np.float32)), "a.tif"))


ORIENTATIONS = {
    1: COLOURS,
    2: COLOURS[:, ::-1],
    3: COLOURS[::-1, ::-1],
    4: COLOURS[::-1],
    5: COLOURS.transpose(1, 0, 2),
    6: np.rot90(COLOURS, -1),
    7: COLOURS[::-1, ::-1].transpose(1, 0, 2),
    8: np.rot90(COLOURS),
}
"""What a viewer shows, by the orientation in the file. The file contains COLOURS."""


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_the_orientation_of_a_photo_is_applied(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x112] = orientation
    path = saved(tmp_path, Image.fromarray(COLOURS), "a.png", exif=exif)
    np.testing.assert_array_equal(decode(path), ORIENTATIONS[orientation])


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_metadata_is_ignored(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.fromarray(COLOURS), "a.png", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff\xff")
    np.testing.assert_array_equal(decode(path), COLOURS)


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp", "a.tif"])
def test_the_first_frame_of_an_animation_is_decoded(tmp_path: Path, name: str) -> None:
    first, second = Image.fromarray(GREYS), Image.fromarray(255 - GREYS)
    lossless = {"lossless": True} if name.endswith("webp") else {}
    path = saved(tmp_path, first, name, save_all=True, append_images=[second], **lossless)
    np.testing.assert_array_equal(decode(path), GREYS)


@pytest.mark.parametrize("extension", sorted(EXTENSIONS - {"pbm"}))
def test_every_listed_extension_can_be_decoded(tmp_path: Path, extension: str) -> None:
    path = saved(tmp_path, Image.fromarray(noise(16, 16, 3)), f"a.{extension}")
    assert decode(path).shape[:2] == (16, 16)


def png_header(width: int, height: int) -> bytes:
    """The beginning of a PNG file, without pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunks + struct.pack(">I", 100) + b"IDAT" + bytes(100)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [12_000, 20_000])  # above our limit, and above Pillow's
def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path: Path, side: int) -> None:
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(png_header(side, side))  # decoding it would fail for another reason
    with pytest.raises(UnreadableImage, match=f"pixels.*|more than.*{MAX_PIXELS:,}") as caught:
        decode(bomb)
    assert f"{MAX_PIXELS:,}" in str(caught.value)


def write_bad_file(path: Path, kind: str) -> None:
    match kind:
        case "truncated":
            Image.fromarray(noise(200, 200, 3)).save(path, "JPEG")
            path.write_bytes(path.read_bytes()[:3000])
        case "text":
            path.write_text("not an image")
        case "empty":
            path.touch()
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("truncated", "damaged .*truncated"),
        ("text", "isn't an image"),
        ("empty", "isn't an image"),
        ("folder", "not a regular file"),
        ("pipe", "not a regular file"),
        ("missing", "No such file"),
    ],
)
def test_the_reason_is_one_line(tmp_path: Path, kind: str, reason: str) -> None:
    path = tmp_path / "a.jpg"
    write_bad_file(path, kind)
    with pytest.raises(UnreadableImage, match=reason) as caught:
        decode(path)
    assert "\n" not in str(caught.value)


def resized(image: Pixels, height: int, width: int) -> Pixels:
    """Resize an image with torch instead of Pillow."""
    tensor = torch.from_numpy(image.reshape(*image.shape[:2], -1).transpose(2, 0, 1).copy())
    planes: Pixels = resize(tensor, [height, width], antialias=True).numpy()
    return np.moveaxis(planes, 0, 2).reshape(height, width, *image.shape[2:])


@pytest.mark.parametrize("image", [noise(60, 90, 3), noise(90, 60), noise(5, 7, 3)], ids=["wide", "high", "small"])
def test_pad_keeps_the_whole_image_and_centres_it(image: Pixels) -> None:
    height, width = (round(side * 32 / max(image.shape[:2])) for side in image.shape[:2])
    top, left = (32 - height) // 2, (32 - width) // 2
    square = fit_to(image, 32, "pad")
    assert square.shape == (32, 32, *image.shape[2:])
    assert square.dtype == np.uint8
    inner = square[top : top + height, left : left + width]
    np.testing.assert_allclose(inner.astype(int), resized(image, height, width), atol=1)
    edge = np.concatenate([inner[0], inner[-1], inner[1:-1, 0], inner[1:-1, -1]]).mean(axis=0)
    bars = np.ones((32, 32), bool)
    bars[top : top + height, left : left + width] = False
    assert bars.any()
    np.testing.assert_allclose(square[bars], np.broadcast_to(edge, square[bars].shape), atol=0.5)


@pytest.mark.parametrize("image", [noise(60, 90, 3), noise(90, 60), noise(5, 7, 3)], ids=["wide", "high", "small"])
def test_crop_resizes_the_central_square(image: Pixels) -> None:
    side = min(image.shape[:2])
    top, left = ((length - side) // 2 for length in image.shape[:2])
    expected = resized(image[top : top + side, left : left + side], 32, 32)
    np.testing.assert_allclose(fit_to(image, 32, "crop").astype(int), expected, atol=1)


@pytest.mark.parametrize("fit", ["pad", "crop"])
def test_an_image_of_the_right_size_is_unchanged(fit: Fit) -> None:
    np.testing.assert_array_equal(fit_to(COLOURS[:5, :5], 5, fit), COLOURS[:5, :5])


@pytest.mark.parametrize("shape", [(1, 5000), (5000, 1), (1, 1)])
def test_an_extremely_narrow_image_is_kept(shape: tuple[int, int]) -> None:
    image = np.full(shape, 77, np.uint8)
    for square in (fit_to(image, 8, "pad"), fit_to(image, 8, "crop")):
        np.testing.assert_array_equal(square, np.full((8, 8), 77))
