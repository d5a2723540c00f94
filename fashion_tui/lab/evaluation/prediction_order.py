"""Sort predictions, to find the worst mistakes or the closest decisions."""

import torch.nn.functional as F
from torch import Tensor

from fashion_tui.schema.evaluation import PredictionOrder


def sorted_indices(logits: Tensor, labels: Tensor, order: PredictionOrder) -> Tensor:
    """Return the indices, int64 `[N]`, that sort predictions with these logits `[N, C]` and labels `[N]`.

    Predictions with equal sort keys keep their relative positions. Predictions whose sort key is NaN are first, unless
    they are sorted by index.
    """
    if order == "index":
        return labels.new_tensor(range(len(labels)))
    logits = logits.double()
    if order == "loss":
        scores = F.cross_entropy(logits, labels, reduction="none")
    else:
        top = logits.softmax(dim=1).topk(min(2, logits.shape[1]), dim=1).values
        scores = top[:, 0] if order == "confidence" else top[:, 1:].sum(dim=1) - top[:, 0]
    return scores.argsort(descending=True, stable=True)  # NaN counts as the greatest value
