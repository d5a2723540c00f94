"""The handler that evaluates a run on corrupted images."""

from functools import partial
from pathlib import Path

from fashion_tui.lab.devices import free_memory
from fashion_tui.lab.evaluation.metrics import Cancelled, evaluate, predict_logits
from fashion_tui.lab.evaluation.robustness import robustness_curves, robustness_levels, sample
from fashion_tui.schema.requests import MeasureRobustness
from fashion_tui.schema.robustness import Robustness
from fashion_tui.trained_run import TrainedRun

from .cache import Cache
from .connection import CallContext, RequestCancelled
from .evaluation import EvaluatedRun, open_evaluated
from .runs import network_on_device


def measure_robustness(request: MeasureRobustness, call: CallContext, cache: Cache) -> Robustness:
    with open_evaluated(Path(request.run_path), request.checkpoint, cache) as trained:
        evaluated = EvaluatedRun(trained, request.split, call, cache)
        key = evaluated.key("robustness", request.max_images)
        result = cache.result(key, Robustness)
        if result is None:
            result = _measure(trained, evaluated, request.max_images, call)
            cache.add_result(key, result)
        return result


def _measure(trained: TrainedRun, evaluated: EvaluatedRun, max_images: int, call: CallContext) -> Robustness:
    chosen = sample(evaluated.images, max_images)
    images, logits = evaluated.images[chosen], evaluated.logits()[chosen]
    result = Robustness(
        run=trained.run.id,
        n=len(images),
        accuracy=evaluate(logits, images.labels, evaluated.dataset.classes).accuracy,
        curves=(),
    )
    network, device = network_on_device(trained, call)
    predict = partial(
        predict_logits,
        network,
        recipe=trained.config.recipe,
        device=device,
        should_stop=call.cancelled,
        interruptible=call.interruptible,
        classes=trained.config.task.classes,
    )
    try:
        for done, curves in enumerate(robustness_curves(predict, images, should_stop=call.cancelled), 1):
            result = Robustness(run=result.run, n=result.n, accuracy=result.accuracy, curves=curves)
            call.progress(done, robustness_levels(), result)
    except Cancelled:
        raise RequestCancelled from None
    finally:
        del network, predict
        free_memory(device)  # so that trainers and other processes can use the memory
    return result
