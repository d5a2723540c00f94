"""The CSV file with the prediction of each image, compared with numbers that NumPy computes."""

import csv
import io
import math

import numpy as np
import pytest
import torch

from fashion_tui.lab.evaluation.metrics import Cancelled
from fashion_tui.lab.evaluation.predictions_csv import write_predictions
from fashion_tui.schema.text import csv_cell

CLASSES = ("T-shirt/top", "=1+1", 'a "quoted", name\nwith a line break', "\t@x")


def written(logits: torch.Tensor, labels: torch.Tensor, first_index: int = 0) -> list[list[str]]:
    """Return the rows of the file, read with the csv module."""
    file = io.BytesIO()
    write_predictions(file, logits, labels, CLASSES, first_index=first_index)
    return list(csv.reader(io.StringIO(file.getvalue().decode(), newline=""), strict=True))


def test_numbers_are_those_of_numpy() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(1_234, 4, generator=generator) * 3
    labels = torch.randint(0, 4, (1_234,), generator=generator)
    header, *rows = written(logits, labels, first_index=500)
    assert len(header) == 5 + 4
    assert [int(row[0]) for row in rows] == list(range(500, 1_734))

    values = logits.numpy().astype(np.float64)
    exponentials = np.exp(values - values.max(axis=1, keepdims=True))
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    np.testing.assert_allclose([[float(cell) for cell in row[5:]] for row in rows], probabilities, rtol=1e-7)
    losses = -np.log(probabilities[np.arange(1_234), labels.numpy()])
    np.testing.assert_allclose([float(row[4]) for row in rows], losses, rtol=1e-6)
    names = [csv_cell(name) for name in CLASSES]
    assert [row[1] for row in rows] == [names[label] for label in labels]
    assert [row[2] for row in rows] == [names[label] for label in probabilities.argmax(axis=1)]
    correct = probabilities.argmax(axis=1) == labels.numpy()
    assert [row[3] for row in rows] == ["true" if each else "false" for each in correct]


def test_the_path_of_each_image_is_the_second_column() -> None:
    file = io.BytesIO()
    paths = {8: "b/2.png", 7: "=a/1.png"}
    write_predictions(file, torch.eye(4)[:3], torch.arange(3), CLASSES, first_index=7, files=paths)
    rows = list(csv.DictReader(io.StringIO(file.getvalue().decode(), newline="")))
    assert [(row["index"], row["file"]) for row in rows] == [("7", "'=a/1.png"), ("8", "b/2.png"), ("9", "")]
    assert [row["truth"] for row in rows] == [csv_cell(name) for name in CLASSES[:3]]


def test_cells_are_never_formulas() -> None:
    header, *rows = written(torch.eye(4), torch.arange(4))
    assert [row[1] for row in rows] == ["T-shirt/top", "'=1+1", 'a "quoted", name with a line break', "' @x"]
    assert not [cell for row in (header, *rows) for cell in row if cell.lstrip()[:1] in set("=+-@\t")]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "\n+1"])
def test_an_apostrophe_precedes_a_formula(text: str) -> None:
    assert csv_cell(text).startswith("'")
    assert csv_cell(text).isprintable()


@pytest.mark.parametrize("text", ["T-shirt/top", "a=b", "'quoted'", "", "1.5", "é"])
def test_other_text_is_unchanged(text: str) -> None:
    assert csv_cell(text) == text


def test_an_image_without_probabilities_has_no_prediction() -> None:
    logits = torch.zeros(2, 4)
    logits[0, 2] = math.nan
    _, broken, normal = written(logits, torch.tensor([0, 0]))
    assert broken[2:4] == ["", "false"]
    assert all(math.isnan(float(cell)) for cell in broken[4:])
    assert normal[2:4] == ["T-shirt/top", "true"]


def test_it_can_be_cancelled() -> None:
    with pytest.raises(Cancelled):
        write_predictions(io.BytesIO(), torch.zeros(2, 4), torch.tensor([0, 0]), CLASSES, should_stop=lambda: True)
