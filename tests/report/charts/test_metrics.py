"""The order, titles and units of the charts of metrics."""

from fashion_tui.report.charts.metrics import chart_metrics, describe_metric


def test_the_main_metrics_are_first_and_held_out_metrics_have_no_chart_of_their_own() -> None:
    others = ["gradient_norm", "images_per_second", "my_metric", "memory/cpu", "dead_relus/conv1", "gradient_norm/fc"]
    names = [*reversed(others), "validation_loss", "learning_rate", "loss"]
    strips = ["gradient_norm/*", "dead_relus/*"]
    assert chart_metrics(names) == ["loss", "learning_rate", *others[:3], *strips, *others[3:]]
    assert chart_metrics(["validation_loss"]) == ["validation_loss"], "no other chart shows it"
    assert chart_metrics([]) == []


def test_titles_and_units() -> None:
    memory = describe_metric("memory/cuda:0")
    assert (memory.title, memory.unit, 3 * 2**30 * memory.scale) == ("memory cuda:0", "GiB", 3)
    assert describe_metric("gradient_norm/features.0").title == "gradient norm features.0"
    assert describe_metric("my/metric").title == "my/metric"
    assert describe_metric("gradient_norm/*").title == "layers: gradient norm"
