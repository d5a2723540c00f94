"""The colours of eight runs differ for colour-blind users too."""

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from fashion_tui.report.charts.chart import MAX_RUNS
from fashion_tui.report.charts.colours import _ON_DARK, _ON_LIGHT, LETTERS

Array = NDArray[np.float64]

VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
"""Linear RGB as it is seen with colour blindness (G. Machado, M. Oliveira and L. Fernandes, 2009)."""

RGB_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour: str) -> Array:
    channels = np.array([int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(rgb: Array) -> Array:
    """Return the CIELAB coordinates of a colour in linear RGB."""
    relative = RGB_TO_XYZ @ np.clip(rgb, 0, 1) / RGB_TO_XYZ.sum(axis=1)
    x, y, z = np.where(relative > 216 / 24389, np.cbrt(relative), (24389 / 27 * relative + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("colours", [_ON_DARK, _ON_LIGHT], ids=["dark", "light"])
def test_colours_differ(colours: tuple[str, ...], vision: str) -> None:
    seen = [lab(VISION[vision] @ linear(colour)) for colour in colours]
    distances = {pair: np.linalg.norm(seen[pair[0]] - seen[pair[1]]) for pair in combinations(range(len(colours)), 2)}
    assert min(distances.values()) > 10, min(distances, key=lambda pair: distances[pair])


@pytest.mark.parametrize(
    ("colours", "background"), [(_ON_DARK, "#121212"), (_ON_LIGHT, "#ffffff")], ids=["dark", "light"]
)
def test_colours_are_readable_on_the_background(colours: tuple[str, ...], background: str) -> None:
    weights = RGB_TO_XYZ[1]
    for colour in colours:
        dark, light = sorted(float(weights @ linear(each)) for each in (colour, background))
        assert (light + 0.05) / (dark + 0.05) > 3, colour


def test_every_run_has_a_colour_and_a_letter() -> None:
    assert len(set(_ON_DARK)) == len(set(_ON_LIGHT)) == len(set(LETTERS)) == MAX_RUNS
