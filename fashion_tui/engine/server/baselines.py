"""The handler that evaluates simple models on a run's data set."""

from pathlib import Path

from fashion_tui.lab.evaluation.baselines import evaluate_baselines
from fashion_tui.lab.evaluation.metrics import Cancelled
from fashion_tui.runs.run import Run
from fashion_tui.schema.baselines import Baselines
from fashion_tui.schema.requests import GetBaselines

from .cache import Cache
from .connection import CallContext, RequestCancelled
from .evaluation import parts_of
from .result_keys import result_key
from .runs import run_dataset


def get_baselines(request: GetBaselines, call: CallContext, cache: Cache) -> Baselines:
    with Run(Path(request.run_path)) as run:
        dataset = run_dataset(run.config, cache)
        parts = parts_of(dataset, run.config, request.split)
    key = result_key("baselines", dataset.ref.sha256, parts.held_out)
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
