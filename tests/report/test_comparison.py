"""Tables that compare runs."""

from fashion_tui.report.comparison import setting_rows
from fashion_tui.schema.comparison import RunComparison


def test_settings_of_channels_and_settings_that_a_run_does_not_have() -> None:
    comparison = RunComparison(
        runs=("a", "b"),
        titles=("", ""),
        differences={"mean": ((0.5,), (0.1, 0.2, 0.3)), "flip": (None, True)},
        results={},
        metrics={},
    )
    assert setting_rows(comparison) == [("mean", ("0.5", "0.1, 0.2, 0.3")), ("flip", ("–", "True"))]
