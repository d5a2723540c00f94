"""The handler that evaluates simple models on a run's data set."""

from pathlib import Path

from fashion_tui.lab.data.datasets import Dataset
from fashion_tui.lab.evaluation.baselines import evaluate_baselines
from fashion_tui.lab.evaluation.metrics import Cancelled
from fashion_tui.runs.run import Run
from fashion_tui.schema.baselines import Baselines
from fashion_tui.schema.requests import FindBaselines, GetBaselines

from .cache import Cache
from .connection import CallContext, RequestCancelled
from .evaluation import Parts, parts_of
from .result_keys import result_key
from .runs import run_dataset


def get_baselines(request: GetBaselines, call: CallContext, cache: Cache) -> Baselines:
    dataset, parts, key = _subject(request, cache)
    baselines = cache.result(key, Baselines)
    if baselines is None:
        try:
            baselines = evaluate_baselines(
                parts.training,
                parts.evaluated,
                len(dataset.classes),
                progress=call.progress,
                should_stop=call.cancelled,
            )
        except Cancelled:
            raise RequestCancelled from None
        cache.add_result(key, baselines)
    return baselines


def find_baselines(request: FindBaselines, _call: CallContext, cache: Cache) -> tuple[Baselines, ...]:
    *_, key = _subject(request, cache)
    baselines = cache.result(key, Baselines)
    return () if baselines is None else (baselines,)


def _subject(request: FindBaselines | GetBaselines, cache: Cache) -> tuple[Dataset, Parts, str]:
    """Return the run's data set, its parts, and the key of the stored result."""
    with Run(Path(request.run_path)) as run:
        dataset = run_dataset(run.config, cache)
        parts = parts_of(dataset, run.config, request.split)
    return dataset, parts, result_key("baselines", dataset.ref.sha256, parts.held_out)
