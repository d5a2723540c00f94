"""Write the prediction of each image as CSV."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
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
    files: Mapping[int, str] | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Write a header, and a row for each row of the logits `[N, C]`, as CSV in UTF-8.

    The columns are the index of the image, counted from `first_index`, the name of its class, the name of the predicted
    class, whether the two are equal, the cross-entropy in nats, and the probability of each class. If a probability is
    NaN, there is no predicted class. Numbers have nine significant digits, which is enough for float32.

    `files` are the paths of the images' files, keyed by the index of the image. If there are any, they are the second
    column.

    Raises Cancelled if `should_stop` returns True.
    """
    names = [csv_cell(name) for name in classes]
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    try:
        writer = csv.writer(text, lineterminator="\n")
        probabilities = [f"probability of {printable(name)}" for name in classes]
        writer.writerow(
            ["index", *(["file"] if files else []), "truth", "predicted", "correct", "loss", *probabilities]
        )
        for start in range(0, len(labels), ROWS_AT_ONCE):
            if should_stop():
                raise Cancelled
            part = slice(start, start + ROWS_AT_ONCE)
            rows = _rows(logits[part], labels[part], names)
            writer.writerows(
                [f"{index}", *([csv_cell(files.get(index, ""))] if files else []), *row]
                for index, row in enumerate(rows, first_index + start)
            )
            progress(min(start + ROWS_AT_ONCE, len(labels)), len(labels))
    finally:
        text.detach()  # otherwise, the wrapper would close the file


def _rows(logits: Tensor, labels: Tensor, names: Sequence[str]) -> Iterator[list[str]]:
    """Yield the cells of each row, from the name of the true class on."""
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
    for truth, predicted, is_valid, loss, probabilities in columns:
        yield [
            names[truth],
            names[predicted] if is_valid else "",
            "true" if is_valid and predicted == truth else "false",
            *(f"{value:.9g}" for value in (loss, *probabilities)),
        ]
