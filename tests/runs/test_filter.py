"""The filter and the order of the list of runs."""

import math
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fashion_tui.runs.fields import RunFields, sort_runs
from fashion_tui.runs.filter import FilterError, filter_runs
from fashion_tui.runs.metric_cache import MetricCache
from fashion_tui.runs.notes import rename, tag, write_note
from fashion_tui.runs.patterns import Pattern
from fashion_tui.runs.run import Run
from fashion_tui.runs.store import list_runs, summarise_path
from fashion_tui.schema.builtin_recipes import GUIDE, STRONG
from fashion_tui.schema.errors import UsageError
from fashion_tui.schema.events import StepChunk
from fashion_tui.schema.recipe import Recipe

from .parts import make_run


def add_run(folder: Path, name: str, recipe: Recipe, status: dict[str, Any], **metrics: list[Any]) -> None:
    run = make_run(folder, name=name, recipe=recipe)
    writer = run.event_writer()
    if metrics:
        writer.write(StepChunk(time=1.0, first_step=1, metrics=dict(metrics)))
    writer.close()
    run.write_status(msgspec.structs.replace(run.read_status(), **status))
    if name == "a":
        rename(run.folder, "The First")
        tag(run.folder, add=["paper", "baseline"])
        write_note(run.folder, "spike at 900")
    run.close()


@pytest.fixture
def runs(tmp_path: Path) -> list[RunFields]:
    """Three runs: `a` of guide, and `b` and `c` of strong. The run `c` has no metrics."""
    add_run(
        tmp_path, "a", GUIDE, {"state": "finished", "test_accuracy": 0.9, "train_seconds": 90.0},
        loss=[0.5, 0.25, 0.75], accuracy=[0.1, 0.9, 0.4], **{"gradient_norm/conv1": [1.0, 2.0, 3.0]},
    )  # fmt: skip
    add_run(
        tmp_path, "b", STRONG, {"state": "failed", "train_seconds": 600.0}, loss=[2.0, 1.0, math.nan],
        val_accuracy=[50.0, 70.0, 90.0],
    )  # fmt: skip
    add_run(tmp_path, "c", msgspec.structs.replace(STRONG, learning_rate=0.2, flip="none"), {"state": "stopped"})
    cache = MetricCache(tmp_path)
    return [RunFields(run, cache.get) for run in list_runs(tmp_path)]


def names(runs: list[RunFields]) -> str:
    return "".join(run.summary.run.split("-")[2] for run in runs)


def test_metrics_and_fields_of_every_run_win_over_hyperparameters(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("step,loss,temperature\n1,0.25,0.5\n2,0.75,0.125\n")
    (tmp_path / "hparams.yaml").write_text("{loss: 9, state: odd, lr: 0.5, width: 64, temperature.best: 7}")
    run = RunFields(summarise_path(tmp_path), MetricCache(tmp_path).get)
    expected = {
        "loss": 0.75, "loss.last": 0.75, "loss.best": 0.25, "settings.loss": 9, "state": "imported",
        "settings.state": "odd", "lr": 0.5, "width": 64, "temperature": 0.125, "temperature.best": 7,
    }  # fmt: skip
    assert {name: run.get(name) for name in expected} == expected
    assert [len(filter_runs([run], text)) for text in ("loss<1", "loss>1", "settings.loss>1")] == [1, 0, 1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "abc"),
        ("guide", "a"),
        ("SYNTH", "abc"),
        ("synth strong", "bc"),
        ('"the first"', "a"),
        ('"e first" -spike', ""),
        ("spike", "a"),
        ("pape", "a"),
        ("-strong", "a"),
        ("/gui.e|nothing/", "a"),
        (r"/-b-[a-z0-9]{4}$/", "b"),
        ("-/^the/", "bc"),
        ("state:finished", "a"),
        ("state:f", "ab"),
        ("state=f", ""),
        ("state!=failed", "ac"),
        ("-state:failed", "ac"),
        ("state:/^(failed|stopped)$/", "bc"),
        ("lr>1e-3", "bc"),
        ("lr>=1e-3", "abc"),
        ("lr=0.001", "a"),
        ("learning_rate<0.2 lr>0.01", "b"),
        ("lr > 0.01 state : stopped", "c"),
        ("lr==0.2", "c"),
        ("batch_size:256", "bc"),
        ("flip=none", "ac"),
        ("compiled=no deterministic:false", "abc"),
        ("compiled=yes", ""),
        ("versions.python!=0 seed=0", "abc"),
        ("tag:paper tag:baseline", "a"),
        ("tag:pap", ""),
        ("-tag:paper", "bc"),
        ('name="the first"', "a"),
        ("name:/first$/", "a"),
        ("name=/^THE/", "a"),
        ("name!=/^the/", "bc"),
        ("note:spike", "a"),
        ("loss>0.5", "a"),
        ("loss.last>0.5", "a"),
        ("loss.best<0.3", "a"),
        ("loss.best>=1", "b"),
        ("accuracy.best=90% accuracy<0.5", "a"),
        ("loss=nan", "b"),
        ("-loss<0.8", "bc"),
        ("gradient_norm/conv1=3", "a"),
        ("test_accuracy>89%", "a"),
        ("test_accuracy<101%", "a"),
        ("val_accuracy>80", "b"),
        ("duration>2m", "b"),
        ("duration>=90s", "ab"),
        ("created>2020-01-01 created<2100-01-01T10:00", "abc"),
        ("created:1987", ""),
        ("state>3", ""),
    ],
)
def test_a_filter_selects_runs(runs: list[RunFields], text: str, expected: str) -> None:
    assert sorted(names(filter_runs(runs, text))) == sorted(expected)


@pytest.mark.parametrize(
    ("text", "marked", "words"),
    [
        ("state:a lr>abc mnist", "state:a lr>[abc] mnist", "'abc' isn't a number"),
        ("created>today", "created>[today]", "2026-11-30"),
        ("duration<long", "duration<[long]", "duration"),
        ("lr>", "lr>[]", "value is missing"),
        ("a lr>1 lrr>1", "a lr>1 [lrr>1]", "did you mean lr?"),
        ("los<1", "[los<1]", "did you mean loss?"),
        ('a "bc', 'a ["bc]', "closing quote"),
        ("a /bc", "a [/bc]", "closing /"),
        ("a name:/b(c/", "a name:[/b(c/]", "invalid regular expression"),
        ("=3", "[=]3", "unexpected '='"),
        ("a - b", "a [-] b", "unexpected '-'"),
        ("a!b", "a[!]b", "unexpected '!'"),
        ('a="b"c', 'a="b"[c]', "unexpected 'c'"),
        ("state:( a", "state:[(] a", "choose from queued, starting, running"),
        ("-state!=runing", "-state!=[runing]", "no state is 'runing'"),
        ("a test_accuracy>98", "a [test_accuracy>98]", "98 is 9,800 %; write 98% or 0.98"),
        ("accuracy.best<97.5", "[accuracy.best<97.5]", "write 97.5% or 0.975"),
        ("lr>/1/", "lr>[/1/]", "isn't a number"),
    ],
)
def test_an_error_marks_the_invalid_part_in_one_line(runs: list[RunFields], text: str, marked: str, words: str) -> None:
    with pytest.raises(FilterError) as caught:
        filter_runs(runs, text)
    message = str(caught.value)
    assert message.endswith(f"column {marked.index('[') + 1}: {marked}")
    assert words in message
    assert "\n" not in message
    assert text[caught.value.start : caught.value.end] == marked[marked.index("[") + 1 : marked.rindex("]")]


@pytest.mark.parametrize("term", ["/(l|l)+Z/", "note:/(l|l)+Z/", "-/(l|l)+Z/", "/(?0)+/"])
def test_a_regular_expression_with_exponential_time_is_refused(tmp_path: Path, term: str) -> None:
    add_run(tmp_path, "a", GUIDE, {"state": "finished"}, loss=[1.0])
    with Run(Path(list_runs(tmp_path)[0].path)) as run:
        write_note(run.folder, "l" * 80)
    started = time.process_time()
    with pytest.raises(FilterError, match="simplify it") as caught:
        filter_runs([RunFields(run, MetricCache(tmp_path).get) for run in list_runs(tmp_path)], f"a {term}")
    assert time.process_time() - started < 10
    assert str(caught.value).endswith(f"a [{term}]")


def test_all_searches_of_a_pattern_share_the_time_limit() -> None:
    pattern = Pattern("(l|l)+Z")
    with pytest.raises(TimeoutError):
        pattern.found_in("l" * 80)
    with pytest.raises(TimeoutError):
        pattern.found_in("other")


@pytest.mark.parametrize(
    ("order", "expected"),
    [("lr", "abc"), ("-lr", "cba"), ("recipe,-lr", "acb"), ("-recipe,lr", "bca"), ("loss", "a"), ("-loss.best", "ba"),
     ("loss.best", "ab"), ("-duration", "bac"), ("state", "bac")],
)  # fmt: skip
def test_runs_are_sorted_and_those_without_a_value_come_last(runs: list[RunFields], order: str, expected: str) -> None:
    assert names(sort_runs(runs, order)).startswith(expected)
    assert len(sort_runs(runs, order)) == 3


@pytest.mark.parametrize(("order", "word"), [("los", "did you mean loss?"), ("lr,", "missing"), ("-", "missing")])
def test_an_unknown_order_is_an_error(runs: list[RunFields], order: str, word: str) -> None:
    with pytest.raises(UsageError, match="--sort") as caught:
        sort_runs(runs, order)
    assert word in str(caught.value)


def test_a_damaged_run_matches_no_comparison_of_what_cannot_be_read(runs: list[RunFields], tmp_path: Path) -> None:
    damaged = next(run for run in runs if names([run]) == "a")
    (Path(damaged.summary.path) / "config.json").write_text("{")
    fresh = [RunFields(run, MetricCache(tmp_path).get) for run in list_runs(tmp_path)]
    assert sorted(names(filter_runs(fresh, "lr>0"))) == ["b", "c"]
    assert names(filter_runs(fresh, "loss>0.5")) == "a"
