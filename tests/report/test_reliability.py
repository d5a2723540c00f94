"""The reliability diagram in text."""

from fashion_tui.report.glyphs import ASCII, UNICODE
from fashion_tui.report.reliability import BAR_WIDTH, reliability_lines
from fashion_tui.schema.evaluation import ReliabilityBin

BINS = (
    ReliabilityBin(low=0.0, high=0.5, count=0, confidence=None, accuracy=None),
    ReliabilityBin(low=0.5, high=0.9, count=1_234, confidence=0.6, accuracy=0.4),
    ReliabilityBin(low=0.9, high=1.0, count=5, confidence=1.0, accuracy=1.0),
)


def test_bars_are_accuracies_and_marks_are_confidences() -> None:
    _, overconfident, perfect = (line.plain for line in reliability_lines(BINS, ASCII))
    assert overconfident.split() == ["60.0", "%", "40.0", "%", "=" * 12, "|", "1,234"]
    assert overconfident.index("|") - overconfident.index("=") == 0.6 * BAR_WIDTH
    assert perfect.split() == ["100.0", "%", "100.0", "%", "=" * 29 + "|", "5"]
    assert len({line.cell_len for line in reliability_lines(BINS, UNICODE)}) == 1
    assert all(line.plain.isascii() for line in reliability_lines(BINS, ASCII))
