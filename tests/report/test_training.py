"""A run's end, in words."""

import pytest

from fashion_tui.report.training import duration, finished_text
from fashion_tui.schema.events import Finished


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1:00 min"), (125, "2:05 min"), (3725, "1:02:05 h")]
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_the_end_tells_the_accuracy_and_what_it_took() -> None:
    finished = Finished(
        time=0.0,
        run="r",
        path="/r",
        step=938,
        epochs=1,
        test_accuracy=0.9046,
        test_loss=0.27,
        train_seconds=7.3,
        loading_seconds=2.94,
        evaluation_seconds=0.81,
        images_per_second=8_219.2,
    )
    assert finished_text(finished).plain.splitlines() == [
        "test accuracy 90.5 %  after 1 epoch, 7 s, 8,219 img/s",
        "beside the training: loading 2.9 s, evaluation 0.8 s",
    ]
