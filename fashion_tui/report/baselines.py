"""Compare the accuracy of a network with the accuracies of simple models."""

from rich.text import Text

from fashion_tui.schema.baselines import Baselines
from fashion_tui.schema.evaluation import Metrics

from .formatting import format_percent
from .style import FOREGROUND, MUTED


def named_baselines(baselines: Baselines) -> dict[str, float]:
    """Return the accuracy of each simple model, with the model's name as it is written in sentences."""
    return {
        "the majority class": baselines.majority,
        "a linear model": baselines.linear,
        "5-nearest neighbours": baselines.nearest,
    }


def baselines_verdict(metrics: Metrics, baselines: Baselines) -> str:
    """Return a sentence such as `94.1 % is 8.6 points above 5-nearest neighbours (85.5 %)`.

    The accuracy is compared with that of the best simple model. The points are the difference of the displayed numbers.
    """
    name, best = max(named_baselines(baselines).items(), key=lambda item: item[1])
    model = f"{name} ({format_percent(best)})"
    if metrics.invalid:
        return f"the network has no scores to compare with {model}"
    accuracy, (low, high) = format_percent(metrics.accuracy), metrics.interval
    if low <= best <= high:
        return f"{accuracy} is about as good as {model}: the difference is within the 95 % interval"
    points = abs(round(metrics.accuracy * 100, 1) - round(best * 100, 1))
    return f"{accuracy} is {points:.1f} points {'above' if metrics.accuracy > best else 'below'} {model}"


def baseline_lines(metrics: Metrics, baselines: Baselines) -> list[Text]:
    """Return the verdict and a line with the accuracies of all simple models."""
    accuracies = Text("on pixels: ", MUTED)
    for position, (name, accuracy) in enumerate(named_baselines(baselines).items()):
        accuracies.append(f"{'   ' if position else ''}{name} ", MUTED)
        accuracies.append(format_percent(accuracy), FOREGROUND)
    return [Text(baselines_verdict(metrics, baselines), FOREGROUND), accuracies]
