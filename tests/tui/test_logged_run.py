"""What the Train pane and the header show about a run that a script logs."""

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from fashion_tui.report.glyphs import UNICODE
from fashion_tui.runs import launch, requests
from fashion_tui.runs.create import create_logged_run
from fashion_tui.runs.reader import RunReader
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import summarise
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.events import End, Failed, RunEvent, ScriptEnded, StepChunk, Warned
from fashion_tui.tui.bars import indicator_text
from fashion_tui.tui.train.obstacles import obstacle
from fashion_tui.tui.train.run_charts import ShownRuns
from fashion_tui.tui.train.run_lines import run_line
from fashion_tui.tui.train.summary import note_text, summary_lines


@pytest.fixture
def ended(tmp_path: Path) -> Iterator[Run]:
    """A run whose script has reported step 1,234 and a duration of 65 s, and no longer holds the lock."""
    settings: dict[str, object] = {"lr": 0.003, "layers": [64, 10]}
    with create_logged_run(tmp_path, name="my-net", script="train.py", settings=settings) as run:
        metrics: dict[str, list[float | str | None]] = {
            "perplexity": [16.0, 12.5],
            "recall": [0.25, 0.75],
            "speed": [None, 7.0],
            "norm/conv1": [None, 99.0],
        }
        write(run, StepChunk(time=time.time(), steps=[0, 1234], metrics=metrics))
        status = msgspec.structs.replace(run.read_status(), state="running", step=1234, train_seconds=65.0)
        run.write_status(msgspec.structs.replace(status, heartbeat=0.0))
        yield run


@pytest.fixture
def run(ended: Run) -> Iterator[Run]:
    """The same run while its script holds the lock."""
    with ended.lock():
        yield ended


def write(run: Run, event: RunEvent) -> None:
    writer = run.event_writer()
    writer.write(event)
    writer.close()


@pytest.mark.parametrize("large", [True, False])
def test_the_summary_has_its_settings_and_its_own_metrics(run: Run, large: bool) -> None:  # noqa: FBT001
    text = "\n".join(line.plain for line in summary_lines(RunReader(run).poll(), 100, UNICODE, large=large))
    for words in ("my-net", "train.py", "lr 0.003", "running", "perplexity", "recall", "speed 7", "step 1,234", "1:05"):
        assert words in text
    if not large:
        assert "perplexity 12.5" in text
        assert "recall 0.75" in text
    for word in ("layers", "epoch", "img/s", "ETA", "conv1"):
        assert word not in text


def test_the_labels_of_large_digits_do_not_need_further_metrics(tmp_path: Path) -> None:
    with create_logged_run(tmp_path, name="net", script=None, settings={}) as run:
        write(run, StepChunk(time=time.time(), steps=[1], metrics={"perplexity": [2.0]}))
        lines = [line.plain for line in summary_lines(RunReader(run).poll(), 80, UNICODE, large=True)]
    assert "perplexity" in [line.strip() for line in lines]


def test_a_run_without_metrics_has_a_summary(tmp_path: Path) -> None:
    with create_logged_run(tmp_path, name="empty", script=None, settings={}) as run:
        snapshot = RunReader(run).poll()
        assert "no metrics yet" in "".join(line.plain for line in summary_lines(snapshot, 80, UNICODE, large=True))
        assert ShownRuns(((run.id, snapshot),)).metrics == []
        with run.lock():
            note = note_text(RunReader(run).poll(), None, UNICODE).plain
        assert "script" in note
        assert "PyTorch" not in note


def test_the_list_and_the_header_show_its_step(run: Run) -> None:
    summary = summarise(run)
    line = run_line(summary, "mine", 40, UNICODE).plain
    assert "1,234" in line
    assert "0/0" not in line
    for short in (True, False):
        assert "1,234" in indicator_text(summary, 1, short=short).plain
        assert "%" not in indicator_text(summary, 1, short=short).plain


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (ScriptEnded(time=0.0, step=1234, seconds=65.0), "finished at step 1,234"),
        (Failed(time=0.0, step=1234, message="ValueError: x is [bold]"), "ValueError: x is [bold]"),
        (None, "the script was killed"),
    ],
    ids=["ended", "failed", "killed"],
)
def test_the_note_says_how_it_ended(ended: Run, end: End | None, words: str) -> None:
    if end is not None:
        write(ended, end)
    note = note_text(RunReader(ended).poll(), None, UNICODE).plain
    assert words in note
    assert "resume" not in note


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (ScriptEnded(time=0.0, step=1234, seconds=65.0), "'lr' isn't logged"),
        (Failed(time=0.0, step=1234, message="ValueError: x"), "ValueError: x"),
    ],
)
def test_the_note_is_the_last_warning_of_an_ended_script(ended: Run, end: End, words: str) -> None:
    for name in ("step", "lr"):
        write(ended, Warned(time=0.0, message=f"{name!r} isn't logged"))
    write(ended, end)
    assert words in note_text(RunReader(ended).poll(), None, UNICODE).plain


def test_the_pane_offers_only_what_a_script_supports(run: Run) -> None:
    live = summarise(run)
    assert obstacle("stop", live) == ""
    for action in ("pause", "checkpoint"):
        assert "script" in obstacle(action, live)
        assert "stopped, but not" in obstacle(action, live)
    assert "run the script again" in obstacle("resume", msgspec.structs.replace(live, state="stopped"))


def test_a_request_that_does_not_apply_is_refused(run: Run) -> None:
    for request in (requests.pause, requests.checkpoint, launch.resume):
        with pytest.raises(UserError, match=r"script.*stopped, but not"):
            request(run)
        assert run.control.pending() == []


def test_stopping_a_script_that_ignores_the_request_is_reported(run: Run) -> None:
    with pytest.raises(UserError, match="should_stop"):
        requests.stop(run, timeout=0.1)
    assert [request.action for request in run.control.pending()] == ["stop"]
