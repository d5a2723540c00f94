"""The words for problems of layers."""

import pytest

from fashion_tui.report.formatting import shorten
from fashion_tui.report.glyphs import ASCII, UNICODE
from fashion_tui.report.layers import problem_text
from fashion_tui.runs.layers import LayerProblem


@pytest.mark.parametrize(
    ("problem", "parts"),
    [
        (LayerProblem("non-finite", ("conv2",), 1234), ["conv2", "NaN", "step 1,234"]),
        (LayerProblem("dead ReLUs", ("conv2", "fc1"), 1.0), ["all ReLUs", "conv2 and fc1", "lower learning rate"]),
        (LayerProblem("dead ReLUs", ("a", "b", "c"), 0.934), ["93 %", "a, b and c"]),
        (LayerProblem("no gradient", ("conv1",), 0.0), ["conv1 has a gradient of 0"]),
        (LayerProblem("no gradient", tuple("abcde"), 0.0), ["a, b and 3 more layers have"]),
        (LayerProblem("large updates", ("fc",), -0.301), ["fc", "50 %", "0.1 %", "lower"]),
        (LayerProblem("large updates", ("fc",), 1e300), ["more than 1,000 %"]),
        (LayerProblem("small updates", ("fc",), -5.301), ["0.0005 %", "0.1 %", "higher"]),
    ],
)
def test_a_problem_is_a_sentence_with_its_layers_and_values(problem: LayerProblem, parts: list[str]) -> None:
    text = problem_text(problem, UNICODE)
    assert all(part in text for part in parts), text


def test_a_long_name_keeps_its_start_and_its_end() -> None:
    name = "encoder.layers.11.self_attention.out_proj"
    assert shorten(name, len(name), UNICODE) == name
    assert shorten(name, 13, UNICODE) == "encode…t_proj"
    assert shorten(name, 13, ASCII) == "encode~t_proj"
    assert [shorten(name, width, UNICODE) for width in (0, 1, 2, 3)] == ["", "…", "e…", "e…j"]
    assert shorten("层" * 20, 9, UNICODE) == "层层…层层"
    assert shorten("a\x1b[31mb", 20, ASCII).isprintable()
    assert problem_text(LayerProblem("no gradient", (name * 9,), 0.0), ASCII).startswith("encoder.layers.1")
