"""Write the prediction of each image as CSV."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

import torch.nn.functional as F
from torch import Tensor

from fashion_tui.schema.text import csv_cell, printable

from .metrics import Cancelled, has_probabilities

ROWS_AT_ONCE = 1_000


def write_predictions(  # noqa: PLR0913
    file: BinaryIO,
    logits: Tensor,
    labels: Tensor,
    classes: Sequence[str],
    *,
    first_index: int = 0,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Write a header, and a row for each row of the logits `[N, C]`, as CSV in UTF-8.

    The columns are the index of the image, counted from `first_index`, the name of its class, the name of the predicted
    class, whether the two are equal, the cross-entropy in nats, and the probability of each class. If a probability is
    NaN, there is no predicted class. Numbers have nine significant digits, which is enough for float32.

    Raises Cancelled if `should_stop` returns True.
    """
    names = [csv_cell(name) for name in classes]
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    try:
        writer = csv.writer(text, lineterminator="\n")
        probabilities = [f"probability of {printable(name)}" for name in classes]
        writer.writerow(["index", "truth", "predicted", "correct", "loss", *probabilities])
        for start in range(0, len(labels), ROWS_AT_ONCE):
            if should_stop():
                raise Cancelled
            part = slice(start, start + ROWS_AT_ONCE)
            writer.writerows(_rows(logits[part], labels[part], names, first_index + start))
            progress(min(start + ROWS_AT_ONCE, len(labels)), len(labels))
    finally:
        text.detach()  # otherwise, the wrapper would close the file


def _rows(logits: Tensor, labels: Tensor, names: Sequence[str], first_index: int) -> Iterator[list[str]]:
    logits = logits.double()
    losses = F.cross_entropy(logits, labels, reduction="none").tolist()
    columns = zip(
        labels.tolist(),
        logits.argmax(dim=1).tolist(),
        has_probabilities(logits).tolist(),
        losses,
        logits.softmax(dim=1).tolist(),
        strict=True,
    )
    for index, (truth, predicted, is_valid, loss, probabilities) in enumerate(columns, first_index):
        yield [
            f"{index}",
            names[truth],
            names[predicted] if is_valid else "",
            "true" if is_valid and predicted == truth else "false",
            *(f"{value:.9g}" for value in (loss, *probabilities)),
        ]
