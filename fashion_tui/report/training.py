"""A run's progress and its end, in words."""

from rich.text import Text

from fashion_tui.schema.events import EpochEnd, Finished

from .style import ACCENT, MUTED


def duration(seconds: float) -> str:
    """`9 s`, `2:05 min`, `1:02:05 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}:{rest:02} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} h"


def number(value: float | str, digits: int = 3) -> str:
    """A figure of an event, which may be the text NaN or Infinity."""
    return value if isinstance(value, str) else f"{value:.{digits}f}"


def percent(share: float) -> str:
    return f"{share * 100:.1f} %"


def epoch_line(event: EpochEnd, epochs: int) -> Text:
    """What an epoch brought."""
    loss, accuracy = number(event.train_loss), percent(event.train_accuracy)
    line = Text(f"epoch {event.epoch}/{epochs}  loss {loss}  accuracy {accuracy}")
    if event.validation_loss is not None and event.validation_accuracy is not None:
        line.append(f"  held out: loss {number(event.validation_loss)}  accuracy {percent(event.validation_accuracy)}")
    line.append(f"  {duration(event.seconds)}", MUTED)
    return line


def finished_text(event: Finished) -> Text:
    """The test accuracy after the last epoch, and what it took, on two lines."""
    epochs = "epoch" if event.epochs == 1 else "epochs"
    flipped = event.test_accuracy_flipped
    both = "" if flipped is None else f"  (with mirror images {percent(flipped)})"
    speed = f"{event.images_per_second:,.0f} img/s"
    beside = ""
    if event.loading_seconds is not None and event.evaluation_seconds is not None:
        loading, evaluation = f"{event.loading_seconds:.1f} s", f"{event.evaluation_seconds:.1f} s"
        beside = f"\nbeside the training: loading {loading}, evaluation {evaluation}"
    return Text.assemble(
        "test accuracy ",
        (percent(event.test_accuracy), f"bold {ACCENT}"),
        (both, MUTED),
        (f"  after {event.epochs} {epochs}, {duration(event.train_seconds)}, {speed}", MUTED),
        (beside, MUTED),
    )
