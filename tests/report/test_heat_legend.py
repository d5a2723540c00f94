"""Legends of heat maps."""

from array import array

import msgspec
import pytest

from fashion_tui.report.colormap import heat_style
from fashion_tui.report.glyphs import ASCII, UNICODE
from fashion_tui.report.heat_legend import heat_legend, heat_values
from fashion_tui.report.pixels import Shading
from fashion_tui.schema.explanation import HeatMap, Method

WIDTH = 38


def heat_map(values: list[float], scale: float, method: Method = "occlusion") -> HeatMap:
    return HeatMap(
        method=method,
        target=1,
        truth=0,
        probabilities=(0.25, 0.75),
        image=bytes(len(values)),
        image_shape=(1, 1, len(values)),
        values=array("f", values).tobytes(),
        scale=scale,
    )


def test_a_map_with_both_signs_names_both_ends_of_the_scale() -> None:
    scale, meaning = heat_legend(heat_map([-0.5, 1.0], 0.25), "Coat", WIDTH, UNICODE, Shading.PALETTE)
    assert scale.plain.split() == ["−0.25", "+0.25", "probability"]
    backgrounds = [span.style for span in scale.spans if scale.plain[span.start : span.end] == " "]
    assert backgrounds[0] == heat_style(-1, -1, 1)
    assert backgrounds[-1] == heat_style(1, -1, 1)
    assert all(word in meaning.plain for word in ("blue: against", "orange: for Coat"))


def test_a_map_without_negative_values_starts_at_zero() -> None:
    scale, meaning = heat_legend(heat_map([0.0, 1.0], 3.5, "grad-cam"), "Coat", WIDTH, UNICODE, Shading.TRUECOLOR)
    assert scale.plain.split() == ["0", "3.5"]
    assert "brighter" in meaning.plain


def test_characters_replace_the_colours() -> None:
    scale, meaning = heat_legend(heat_map([-1.0, 1.0], 0.25), "Coat", WIDTH, ASCII, Shading.CHARACTERS)
    assert scale.plain.startswith("-0.25 9")
    assert "@ +0.25" in scale.plain
    assert "digits: against" in meaning.plain
    assert not any("on " in str(span.style) for span in scale.spans)


@pytest.mark.parametrize(
    ("method", "words"),
    [("grad-cam", "no position in block.0 supports Coat"), ("occlusion", "covering"), ("smoothgrad", "no gradient")],
)
def test_a_map_of_zeros_has_a_reason_and_no_scale(method: Method, words: str) -> None:
    empty = msgspec.structs.replace(heat_map([0.0, 0.0], 0.0, method), layer="block.0")
    text = " ".join(line.plain for line in heat_legend(empty, "Coat", WIDTH, UNICODE, Shading.PALETTE))
    assert text.startswith("0 everywhere")
    assert words in text


@pytest.mark.parametrize("shading", Shading)
def test_hostile_class_names_fit_on_the_line(shading: Shading) -> None:
    empty = msgspec.structs.replace(heat_map([0.0, 0.0], 0.0, "grad-cam"), layer="\x1b[32m" + "y" * 99)
    for heat in (heat_map([-1.0, 1.0], 0.25), empty):
        for line in heat_legend(heat, "\x1b[31m" + "x" * 99, WIDTH, UNICODE, shading):
            assert line.cell_len <= WIDTH
            assert "\x1b" not in line.plain
        assert line.plain.isprintable()


def test_values_are_read_as_float32() -> None:
    assert list(heat_values(heat_map([-0.5, 0.25], 1.0))) == [-0.5, 0.25]
