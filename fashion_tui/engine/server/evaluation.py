"""What a run's network makes of the test set: the figures, and pages of single predictions."""

import torch
import torch.nn.functional as F
from torch import Tensor

from fashion_tui.lab.evaluation.metrics import Cancelled, evaluate, predict_logits
from fashion_tui.schema.evaluation import Evaluation, Prediction, PredictionPage
from fashion_tui.schema.requests import Evaluate, GetPredictions

from .connection import CallContext, RequestCancelled
from .kept import Kept
from .weights import Trained, device_of, trained


def evaluate_run(request: Evaluate, call: CallContext, kept: Kept) -> Evaluation:
    run = trained(request.run_path, request.checkpoint, kept)
    figures = evaluate(_logits(run, call, kept), run.dataset.test.labels, run.dataset.classes)
    return Evaluation(
        run=run.path.name,
        dataset=run.dataset.ref.name,
        checkpoint=str(run.file),
        step=run.checkpoint.step,
        epoch=run.checkpoint.epoch,
        n=figures.n,
        accuracy=figures.accuracy,
        top2=figures.top2,
        loss=figures.loss,
        ece=figures.ece,
        per_class=figures.per_class,
        confusion=figures.confusion,
    )


def get_predictions(request: GetPredictions, call: CallContext, kept: Kept) -> PredictionPage:
    run = trained(request.run_path, request.checkpoint, kept)
    logits, test = _logits(run, call, kept), run.dataset.test
    indices = _matching(request, logits, test.labels)
    page = indices[request.offset : request.offset + request.count]
    probabilities = logits[page].double().softmax(dim=1)
    return PredictionPage(
        predictions=tuple(
            Prediction(
                index=index,
                truth=int(test.labels[index]),
                probabilities=tuple(shares),
                pixels=test.pixels[index].contiguous().numpy().tobytes(),
            )
            for index, shares in zip(page.tolist(), probabilities.tolist(), strict=True)
        ),
        total=len(indices),
    )


def _matching(request: GetPredictions, logits: Tensor, labels: Tensor) -> Tensor:
    """Indices of the test images that the request's filters leave, in its order."""
    predicted = logits.argmax(dim=1)
    chosen = torch.ones(len(labels), dtype=torch.bool)
    if request.which != "all":
        chosen &= (predicted == labels) == (request.which == "right")
    if request.truth is not None:
        chosen &= labels == request.truth
    if request.predicted is not None:
        chosen &= predicted == request.predicted
    indices = chosen.nonzero().flatten()
    if request.sort == "loss":
        losses = F.cross_entropy(logits[indices], labels[indices], reduction="none")
        indices = indices[losses.argsort(descending=True, stable=True)]
    return indices


def _logits(run: Trained, call: CallContext, kept: Kept) -> Tensor:
    """float32 `[N, 10]` of the test set, computed where they aren't known yet."""
    known = kept.logits(run.checkpoint.sha256, run.dataset.ref.sha256)
    if known is not None:
        return known
    device = device_of(run.config)
    with call.interruptible():
        model = run.model().to(device)
    try:
        logits = predict_logits(
            model,
            run.dataset.test.pixels,
            run.config.recipe,
            device,
            progress=call.progress,
            should_stop=call.cancelled,
        )
    except Cancelled:
        raise RequestCancelled from None
    kept.keep_logits(run.checkpoint.sha256, run.dataset.ref.sha256, logits)
    return logits
