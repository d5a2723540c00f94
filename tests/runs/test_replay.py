"""Metrics of any name, from chunks of consecutive and of selected steps."""

import math
from typing import Any

import msgspec
import pytest

from fashion_tui.runs.events import DamagedLine, decode_line, encode_line
from fashion_tui.runs.replay import MAX_METRICS, Replay
from fashion_tui.schema.events import EpochEnd, Resumed, StepChunk, Warned

from .parts import steps


def chunk(steps: list[int], metrics: dict[str, list[Any]], time: float = 0.0) -> StepChunk:
    return StepChunk(time=time, steps=steps, metrics=metrics)


def epoch_end(epoch: int, step: int, **values: Any) -> EpochEnd:
    fields = {"train_loss": 0.5, "train_accuracy": 0.8, "validation_loss": None, "validation_accuracy": None} | values
    return EpochEnd(time=1.0, epoch=epoch, step=step, seconds=1.0, **fields)


def resumed(step: int) -> Resumed:
    return Resumed(time=1.0, step=step, epoch=0, epochs=3, checkpoint=None, pid=1)


def replay(*events: Any) -> Replay:
    """Replay events that were written to a log and read again."""
    result = Replay()
    for seq, event in enumerate(events):
        result.apply(decode_line(encode_line("r", seq, event)[:-1])[1])
    return result


def items(run: Replay, metric: str) -> dict[int, float]:
    return dict(run.series(metric).items())


def test_metrics_have_values_at_their_own_steps() -> None:
    run = replay(
        steps(1, 4),
        chunk([2, 4], {"gradient_norm/conv1": [1.5, None], "memory/cpu": [None, 3.0]}),
        steps(5, 2),
        chunk([6], {"gradient_norm/conv1": [math.inf], "memory/cpu": [4.0]}),
    )
    assert list(run.metrics) == ["loss", "accuracy", "learning_rate", "gradient_norm/conv1", "memory/cpu"]
    assert items(run, "gradient_norm/conv1") == {2: 1.5, 6: math.inf}
    assert items(run, "memory/cpu") == {4: 3.0, 6: 4.0}
    assert list(items(run, "loss")) == [1, 2, 3, 4, 5, 6]
    assert items(run, "no such metric") == {}
    assert run.steps.missing == 0, "a metric that isn't measured in each step misses nothing"


def test_a_resumed_run_has_only_the_metrics_up_to_its_checkpoint() -> None:
    run = replay(
        steps(1, 4),
        chunk([2, 4], {"a": [1.0, 2.0]}),
        epoch_end(1, 3),
        steps(5, 2),
        chunk([6], {"a": [3.0], "b": [1.0]}),
        resumed(3),
    )
    assert items(run, "a") == {2: 1.0}
    assert items(run, "b") == {}
    assert items(run, "train_loss") == {3: 0.5}
    assert list(items(run, "loss")) == [1, 2, 3]


def test_each_epoch_has_its_metrics_at_its_last_step() -> None:
    run = replay(
        epoch_end(1, 10, validation_loss=0.25, validation_accuracy=0.75),
        epoch_end(2, 20, train_loss="NaN", validation_loss="Infinity", validation_accuracy=0.5),
        epoch_end(3, 30, validation_loss="many"),
    )
    assert items(run, "validation_loss") == {10: 0.25, 20: math.inf}
    assert items(run, "validation_accuracy") == {10: 0.75, 20: 0.5}
    assert items(run, "train_accuracy") == {10: 0.8, 20: 0.8}
    assert math.isnan(items(run, "train_loss")[20])
    assert (len(run.epochs), run.bad_events) == (2, 1)


def test_the_times_at_which_metrics_were_logged() -> None:
    def at(time: float, event: StepChunk) -> StepChunk:
        return msgspec.structs.replace(event, time=time)

    run = replay(
        at(10.0, steps(1, 4)), chunk([2], {"a": [1.0]}, 10.5), at(11.0, steps(5, 4)), at(12.0, chunk([8], {"a": [1.0]}))
    )
    assert dict(run.times.items()) == {4: 10.0, 8: 11.0}
    run.apply(at(20.0, steps(6, 1)))
    assert dict(run.times.items()) == {4: 10.0, 6: 20.0}


@pytest.mark.parametrize(
    "fields",
    [
        {"first_step": 1, "metrics": {"a": [1.0], "b": [1.0, 2.0]}},
        {"first_step": 1, "metrics": {}},
        {"first_step": 1, "metrics": {"a": []}},
        {"first_step": 1, "steps": [1], "metrics": {"a": [1.0]}},
        {"metrics": {"a": [1.0]}},
        {"steps": [1, 1], "metrics": {"a": [1.0, 2.0]}},
        {"steps": [2, 1], "metrics": {"a": [1.0, 2.0]}},
        {"steps": [1, 2], "metrics": {"a": [1.0]}},
        {"first_step": -1, "metrics": {"a": [1.0]}},
        {"steps": [10**13], "metrics": {"a": [1.0]}},
    ],
)
def test_a_chunk_whose_steps_and_values_do_not_match_is_damaged(fields: dict[str, Any]) -> None:
    content = {"event": "steps", "time": 1.0, **fields}
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(content), type=StepChunk)
    line = encode_line("r", 0, steps(1, 1))
    with pytest.raises(DamagedLine):
        decode_line(line.replace(b'"loss":[', b'"loss":[1.0,')[:-1])


def test_values_that_are_no_numbers_and_impossible_steps_are_counted() -> None:
    run = replay(steps(1, 1), chunk([2], {"a": ["many"]}), steps(10**9, 1))
    assert run.bad_events == 2
    assert items(run, "a") == {}
    assert list(items(run, "loss")) == [1]


def test_names_of_metrics_are_printable() -> None:
    run = replay(chunk([1], {"a\x1b[31m\nb\udce9": [1.0], "x" * 10_000: [2.0]}))
    first, second = run.metrics
    assert first.isprintable()
    assert len(second) == 500


def test_the_last_20_warnings_are_kept() -> None:
    run = replay(*(Warned(time=float(number), message=str(number)) for number in range(25)))
    assert [warning.message for warning in run.warnings] == [str(number) for number in range(5, 25)]


def test_ten_times_too_many_metrics_are_neither_kept_nor_fatal() -> None:
    run = Replay()
    for first in range(0, 10 * MAX_METRICS, MAX_METRICS // 2):
        last = first + MAX_METRICS // 2
        run.apply(chunk([first + 1], {f"metric {index}": [1.0] for index in range(first, last)}))
    run.apply(chunk([2_000_000], {"metric 7": [2.0]}))
    assert len(run.metrics) == MAX_METRICS
    assert run.has_ignored_metrics
    assert items(run, "metric 7") == {1: 1.0, 2_000_000: 2.0}
