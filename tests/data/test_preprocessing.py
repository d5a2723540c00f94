"""Preprocessing of image files, compared step by step with NumPy, Pillow and torchvision."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from torchvision import transforms

from fashion_tui.data.border import border_brightness
from fashion_tui.data.decoding import decode
from fashion_tui.data.preprocessing import PICTURE_SIDE, Preprocessed, Target, preprocess
from fashion_tui.data.stored import Pixels
from fashion_tui.schema.prediction import PreprocessingStep

GREY = Target(image_shape=(1, 28, 28), fit="pad", border=0.0)
COLOUR = Target(image_shape=(3, 32, 32), fit="pad", border=0.0)

NAMES = ["decoded", "grey", "resized", "inverted"]


def drawing(ink: str = "black", paper: str = "white", size: tuple[int, int] = (60, 90)) -> Image.Image:
    """Return a picture of a 7."""
    image = Image.new("RGB", size, paper)
    ImageDraw.Draw(image).line([(15, 20), (45, 20), (25, 75)], fill=ink, width=7)
    return image


def photo(height: int, width: int, seed: int = 0) -> Pixels:
    """Return an RGB image of noise whose border is dark."""
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    image[:4], image[-4:], image[:, :4], image[:, -4:] = 9, 9, 9, 9
    return image


def steps_of(preprocessed: Preprocessed) -> dict[str, PreprocessingStep]:
    steps: dict[str, PreprocessingStep] = {step.name: step for step in preprocessed.steps}
    assert list(steps) == NAMES
    return steps


def values(step: PreprocessingStep) -> Pixels:
    """Return the step's picture as uint8 `[C, H, W]`."""
    return np.frombuffer(step.picture.pixels, np.uint8).reshape(step.picture.shape)


def test_each_step_agrees_with_an_independent_computation() -> None:
    image = photo(90, 60)
    result = preprocess(image, GREY)
    steps = steps_of(result)

    np.testing.assert_array_equal(values(steps["decoded"]), image.transpose(2, 0, 1))
    decoded = steps["decoded"]
    assert (decoded.dtype, decoded.shape) == ("uint8", (90, 60, 3))
    assert [decoded.minimum, decoded.mean, decoded.maximum] == pytest.approx([image.min(), image.mean(), image.max()])

    luma = image @ np.array([0.299, 0.587, 0.114])
    assert np.abs(values(steps["grey"])[0] - luma).max() <= 1

    resize = transforms.Resize((28, 19))  # 60 / 90 · 28 = 18.7 columns
    resized = np.asarray(resize(Image.fromarray(values(steps["grey"])[0])))
    left = (28 - 19) // 2
    np.testing.assert_array_equal(values(steps["resized"])[0][:, left : left + 19], resized)
    assert steps["resized"].applied
    assert steps["resized"].shape == (28, 28)

    assert not steps["inverted"].applied
    np.testing.assert_array_equal(result.pixels, values(steps["resized"]))


def test_an_image_is_cropped_as_the_images_of_the_set_were() -> None:
    image = photo(40, 100)
    result = preprocess(image, Target(image_shape=(3, 32, 32), fit="crop", border=0.0))
    expected = transforms.Resize((32, 32))(transforms.CenterCrop(40)(Image.fromarray(image)))
    np.testing.assert_array_equal(result.pixels.transpose(1, 2, 0), np.asarray(expected))
    assert "cropped" in steps_of(result)["resized"].caption


def test_a_dark_digit_on_white_is_inverted() -> None:
    dark_on_white = preprocess(np.asarray(drawing("black", "white")), GREY)
    light_on_black = preprocess(np.asarray(drawing("white", "black")), GREY)
    steps = steps_of(dark_on_white)
    assert steps["inverted"].applied
    np.testing.assert_array_equal(values(steps["inverted"]), 255 - values(steps["resized"]))
    assert not steps_of(light_on_black)["inverted"].applied
    np.testing.assert_allclose(dark_on_white.pixels.astype(int), light_on_black.pixels.astype(int), atol=1)
    assert dark_on_white.pixels[0, 0, 0] == 0
    assert dark_on_white.pixels.max() > 200


@pytest.mark.parametrize(
    ("paper", "target", "reason"),
    [
        ("#7f7f7f", GREY, "dark border (127)"),
        ("white", Target((1, 28, 28), "pad", border=255.0), "as in training (255)"),
        ("white", Target((1, 28, 28), "pad", border=None), "unknown"),
        ("white", COLOUR, "in colour"),
    ],
)
def test_an_image_is_not_inverted_without_a_reason(paper: str, target: Target, reason: str) -> None:
    result = preprocess(np.asarray(drawing("black", paper)), target)
    steps = steps_of(result)
    assert not steps["inverted"].applied
    assert reason in steps["inverted"].caption
    np.testing.assert_array_equal(result.pixels, values(steps["resized"]))


def test_the_border_is_bright_from_128_on() -> None:
    result = preprocess(np.asarray(drawing("black", "#808080")), GREY)
    assert steps_of(result)["inverted"].applied
    assert "bright border (128)" in steps_of(result)["inverted"].caption


def test_a_grey_image_becomes_rgb_for_a_run_on_colour_images() -> None:
    grey = photo(32, 32)[..., 0]
    result = preprocess(grey, COLOUR)
    np.testing.assert_array_equal(result.pixels, np.stack([grey] * 3))
    steps = steps_of(result)
    assert steps["grey"].applied
    assert not steps["resized"].applied


def test_an_image_of_the_set_is_not_changed() -> None:
    image = photo(28, 28)[..., 0]
    result = preprocess(image, GREY)
    np.testing.assert_array_equal(result.pixels[0], image)
    assert [name for name, step in steps_of(result).items() if step.applied] == ["decoded"]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I;16"])
def test_an_image_of_any_mode_is_converted_to_the_shape_of_the_set(tmp_path: Path, mode: str) -> None:
    file = tmp_path / ("image.tif" if mode == "CMYK" else "image.png")
    image = drawing()
    if mode == "I;16":
        Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257).save(file)
    else:
        image.convert(mode).save(file)
    for target in (GREY, COLOUR):
        result = preprocess(decode(file), target)
        assert result.pixels.shape == target.image_shape
        assert result.pixels.dtype == np.dtype("uint8")
        assert steps_of(result)["inverted"].applied == (target is GREY)


def test_the_picture_of_a_large_image_is_reduced() -> None:
    (step, *_) = preprocess(photo(100, 1_000), GREY).steps
    assert step.shape == (100, 1_000, 3)
    assert step.picture.shape == (3, round(PICTURE_SIDE / 10), PICTURE_SIDE)


def test_the_brightness_of_a_border_is_the_median_of_the_outermost_pixels() -> None:
    images = np.random.default_rng(3).integers(0, 256, (7, 1, 5, 6), np.uint8)
    ring = [
        images[index, 0, row, column]
        for index in range(7)
        for row in range(5)
        for column in range(6)
        if row in {0, 4} or column in {0, 5}
    ]
    assert border_brightness(images) == np.median(ring)


def test_the_brightness_of_a_large_set_is_computed_from_images_of_the_whole_set() -> None:
    images = np.zeros((2_500, 1, 4, 4), np.uint8)
    images[1_200:] = 200
    assert border_brightness(images) == 200
