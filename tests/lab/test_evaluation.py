"""The metrics of an evaluation, compared with torchmetrics and scikit-learn, and the logits of networks."""

import copy
import math
from itertools import pairwise
from typing import Any, Literal

import msgspec
import numpy as np
import pytest
import torch
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_fscore_support
from torch import nn
from torchmetrics.functional import classification as oracle

from fashion_tui.lab.data.normalisation import normalise
from fashion_tui.lab.evaluation.intervals import wilson_interval
from fashion_tui.lab.evaluation.metrics import (
    BATCH_SIZE,
    Cancelled,
    accuracy_with_flips,
    evaluate,
    predict_logits,
)
from fashion_tui.lab.networks import GuideNet
from fashion_tui.schema.builtin_recipes import GUIDE
from fashion_tui.schema.evaluation import Averages

from .fake_cuda import fake_cuda

CPU = torch.device("cpu")
CLASSES = tuple("abcdefghij")


def some_logits(count: int = 3000) -> tuple[torch.Tensor, torch.Tensor]:
    """Return overconfident logits that are correct for about 60 % of the labels.

    Class 4 is never predicted, and class 9 doesn't occur in the labels.
    """
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 9, (count,), generator=generator)
    logits = torch.randn(count, 10, generator=generator) * 2
    logits[torch.arange(count), labels] += 2.5
    logits[:, 4] -= 100
    return logits, labels


def test_metrics_agree_with_torchmetrics() -> None:
    logits, labels = some_logits()
    metrics = evaluate(logits, labels, CLASSES)
    reports = metrics.per_class
    for ours, theirs in (
        (metrics.accuracy, oracle.multiclass_accuracy(logits, labels, 10, average="micro")),
        (metrics.top2, oracle.multiclass_accuracy(logits, labels, 10, average="micro", top_k=2)),
        (metrics.loss, nn.CrossEntropyLoss()(logits, labels)),
        (metrics.ece, oracle.multiclass_calibration_error(logits.softmax(1), labels, 10, n_bins=15, norm="l1")),
        ([report.precision for report in reports], oracle.multiclass_precision(logits, labels, 10, average="none")),
        ([report.recall for report in reports], oracle.multiclass_recall(logits, labels, 10, average="none")),
        ([report.f1 for report in reports], oracle.multiclass_f1_score(logits, labels, 10, average="none")),
        (metrics.confusion, oracle.multiclass_confusion_matrix(logits, labels, 10)),
    ):
        torch.testing.assert_close(torch.tensor(ours).double(), theirs.double(), rtol=1e-5, atol=1e-6)
    assert [report.support for report in reports] == labels.bincount(minlength=10).tolist()
    assert [report.name for report in reports] == list(CLASSES)
    assert metrics.interval == wilson_interval(int((logits.argmax(1) == labels).sum()), 3000)
    assert metrics.n == 3000
    assert reports[9].recall == reports[4].precision == 0.0


def unbalanced() -> tuple[torch.Tensor, torch.Tensor]:
    """Return the logits and labels of 12 classes of very different sizes.

    Class 4 is never predicted, class 9 is predicted but has no images, and class 10 is neither.
    """
    generator = torch.Generator().manual_seed(3)
    sizes = torch.tensor([400, 5, 80, 30, 20, 10, 60, 3, 150, 0, 0, 200])
    labels = torch.arange(12).repeat_interleave(sizes)
    logits = torch.randn(len(labels), 12, generator=generator) * 2
    logits[torch.arange(len(labels)), labels] += torch.linspace(0.5, 5, 12)[labels]
    logits[:, [4, 10]] -= 100
    return logits, labels


def test_means_over_the_classes_agree_with_scikit_learn_and_torchmetrics() -> None:
    logits, labels = unbalanced()
    metrics = evaluate(logits, labels, tuple("abcdefghijkl"))
    predictions = logits.argmax(dim=1)
    assert set(predictions.tolist()) == set(range(12)) - {4, 10}
    averages: tuple[tuple[Literal["macro", "weighted"], Averages], ...]
    averages = (("macro", metrics.macro), ("weighted", metrics.weighted))
    scores = {}
    for average, means in averages:
        ours = scores[average] = (means.precision, means.recall, means.f1)
        *theirs, _ = precision_recall_fscore_support(labels, predictions, average=average, zero_division=0)
        assert ours == pytest.approx(theirs, abs=1e-12)
        functions = (oracle.multiclass_precision, oracle.multiclass_recall, oracle.multiclass_f1_score)
        metric = [function(logits, labels, 12, average=average).item() for function in functions]
        assert ours == pytest.approx(metric, abs=1e-6)
    all_classes = [sum(values) / 12 for values in zip(*((each.precision, each.recall, each.f1)
                   for each in metrics.per_class), strict=True)]  # fmt: skip
    with_images = [value * 12 / 10 for value in all_classes]
    others = [all_classes, with_images, scores["weighted"], [metrics.accuracy] * 3]
    assert all(abs(a - b) > 0.005 for other in others for a, b in zip(scores["macro"], other, strict=True))
    f1_of_means = 2 / (1 / metrics.macro.precision + 1 / metrics.macro.recall)
    assert abs(f1_of_means - metrics.macro.f1) > 0.005


def test_the_reliability_diagram_is_that_of_scikit_learn() -> None:
    logits, labels = some_logits()
    metrics = evaluate(logits, labels, CLASSES)
    confidence, predictions = logits.double().softmax(dim=1).max(dim=1)
    accuracies, confidences = calibration_curve(predictions == labels, confidence, n_bins=15, strategy="uniform")
    filled = [part for part in metrics.reliability if part.count]
    assert [part.accuracy for part in filled] == pytest.approx(accuracies.tolist(), abs=1e-12)
    assert [part.confidence for part in filled] == pytest.approx(confidences.tolist(), abs=1e-12)
    assert sum(part.count for part in metrics.reliability) == 3000
    assert [part.low for part in metrics.reliability] == pytest.approx([index / 15 for index in range(15)])
    assert all(part.low <= part.confidence < part.high for part in filled if part.confidence is not None)
    empty = [part for part in metrics.reliability if not part.count]
    assert empty
    assert all(part.confidence is None and part.accuracy is None for part in empty)


@pytest.mark.parametrize("classes", [1, 2, 100])
def test_one_two_and_a_hundred_classes(classes: int) -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, classes, (500,), generator=generator)
    logits = torch.randn(500, classes, generator=generator)
    metrics = evaluate(logits, labels, tuple(str(index) for index in range(classes)))
    ranks = (logits > logits.gather(1, labels[:, None])).sum(dim=1)
    assert metrics.accuracy == pytest.approx((ranks < 1).double().mean().item())
    assert metrics.top2 == pytest.approx((ranks < 2).double().mean().item())
    assert len(metrics.confusion) == len(metrics.per_class) == classes
    if classes == 1:
        assert (metrics.loss, metrics.ece, metrics.macro.f1) == (0, 0, 1)


def test_predictions_with_flips_are_means_of_probabilities() -> None:
    """The means of the logits, the logits alone and the mirror images alone give three other accuracies."""
    probabilities = torch.tensor([
        [[0.6, 0.4, 0.0], [0.3, 0.7, 0.0]],  # 1 by the mean, 0 by the image alone
        [[0.8, 0.2, 0.0], [0.4, 0.6, 0.0]],  # 0 by the mean, 1 by the mirror image alone
        [[0.6, 0.4, 0.0], [0.55, 0.0, 0.45]],
        [[0.999, 0.001, 0.0], [0.0, 0.6, 0.4]],  # 1 by the mean of the logits
        [[0.2, 0.3, 0.5], [0.2, 0.7, 0.1]],
    ])  # fmt: skip
    logits, flipped = probabilities.clamp(min=1e-9).log().unbind(dim=1)
    labels = torch.tensor([1, 0, 0, 0, 1])
    assert accuracy_with_flips(logits, flipped, labels) == 1
    others = [(logits.argmax(1) == labels), (flipped.argmax(1) == labels), ((logits + flipped).argmax(1) == labels)]
    assert [other.double().mean().item() for other in others] == pytest.approx([3 / 5, 3 / 5, 4 / 5])
    flipped[0, 0] = torch.nan
    assert math.isnan(accuracy_with_flips(logits, flipped, labels))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_logits_without_probabilities_give_no_scores(value: float) -> None:
    logits, labels = some_logits(300)
    logits[5:7, 3] = value
    metrics = evaluate(logits, labels, CLASSES)
    assert (metrics.n, metrics.invalid, sum(map(sum, metrics.confusion))) == (300, 2, 298)
    scores = [metrics.accuracy, metrics.top2, metrics.loss, metrics.ece, metrics.per_class[0].f1]
    scores += [*metrics.interval, metrics.macro.recall, metrics.weighted.precision]
    assert metrics.reliability == ()
    assert all(map(math.isnan, scores))
    assert [report.support for report in metrics.per_class] == labels.bincount(minlength=10).tolist()


def test_a_logit_of_minus_infinity_is_a_probability_of_0() -> None:
    logits, labels = some_logits(300)
    logits[:, 4] = -torch.inf
    assert evaluate(logits, labels, CLASSES).invalid == 0


def test_confusion_rows_are_labels_and_columns_are_predictions() -> None:
    logits = torch.eye(3)[[1, 1, 2]]
    assert evaluate(logits, torch.tensor([0, 1, 1]), "xyz").confusion == ((0, 1, 0), (0, 1, 1), (0, 0, 0))


def test_a_class_that_is_neither_in_the_labels_nor_predicted_has_scores_of_0() -> None:
    *_, absent = evaluate(torch.eye(3)[[0, 1]], torch.tensor([0, 0]), "xyz").per_class
    assert (absent.precision, absent.recall, absent.f1, absent.support) == (0.0, 0.0, 0.0, 0)


def test_calibration_error_of_confident_predictions() -> None:
    logits = torch.eye(10) * 1000
    assert evaluate(logits, torch.arange(10), CLASSES).ece == 0
    assert evaluate(logits, (torch.arange(10) + 1) % 10, CLASSES).ece == pytest.approx(1)


def gaps(confidence: np.ndarray, correct: np.ndarray, bins: int) -> list[tuple[float, float]]:
    """Return each bin's share of the images, and its accuracy minus its mean confidence."""
    edges = np.linspace(0, 1, bins + 1)
    members = [(confidence > low) & (confidence <= high) for low, high in pairwise(edges)]
    return [(part.mean(), correct[part].mean() - confidence[part].mean()) for part in members if part.any()]


def test_the_calibration_error_is_the_mean_gap_of_15_bins_of_equal_width() -> None:
    """Predictions are correct in every second of 15 bins, so that any other number of bins gives another error."""
    confidence = np.linspace(0.02, 0.999, 997) ** 0.5
    correct = np.ceil(confidence * 15) % 2 == 1
    probabilities = torch.tensor((1 - confidence) / 9)[:, None].repeat(1, 10)
    predictions = torch.arange(len(confidence)) % 10
    probabilities[range(len(confidence)), predictions] = torch.tensor(confidence)
    labels = torch.where(torch.tensor(correct), predictions, (predictions + 3) % 10)

    ece = evaluate(probabilities.log(), labels, CLASSES).ece
    by_bin = gaps(confidence, correct, 15)
    assert ece == pytest.approx(sum(share * abs(gap) for share, gap in by_bin))
    mistakes = {
        **{f"{bins} bins": sum(share * abs(gap) for share, gap in gaps(confidence, correct, bins))
           for bins in (1, 5, 10, 14, 16, 20)},
        "all bins weigh the same": np.mean([abs(gap) for _, gap in by_bin]),
        "the largest gap": max(abs(gap) for _, gap in by_bin),
        "the root of the mean square": sum(share * gap**2 for share, gap in by_bin) ** 0.5,
        "signed gaps": abs(sum(share * gap for share, gap in by_bin)),
    }  # fmt: skip
    assert all(abs(value - ece) > 0.005 for value in mistakes.values()), mistakes


class DropoutNet(nn.Module):
    """A network whose logits differ between training and evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self.guide = GuideNet()
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.dropout(self.guide(x))
        return logits


@pytest.mark.parametrize("training", [True, False])
def test_logits_are_computed_in_evaluation_mode(*, training: bool) -> None:
    net = DropoutNet().train(training)
    pixels = torch.randint(0, 256, (BATCH_SIZE + 7, 1, 28, 28), dtype=torch.uint8)
    seen: list[tuple[int, int]] = []
    logits = predict_logits(net, pixels, GUIDE, CPU, progress=lambda done, total: seen.append((done, total)))
    assert net.training is training
    assert seen == [(BATCH_SIZE, BATCH_SIZE + 7), (BATCH_SIZE + 7, BATCH_SIZE + 7)]
    net.eval()
    with torch.no_grad():
        torch.testing.assert_close(logits, net(normalise(pixels, (0.5,), (0.5,))))


@pytest.mark.covers("recipe.mean", "recipe.std")
def test_images_are_normalised_as_in_the_recipe() -> None:
    net, pixels = GuideNet(), torch.randint(0, 256, (5, 1, 28, 28), dtype=torch.uint8)
    recipe = msgspec.structs.replace(GUIDE, mean=(0.286,), std=(0.353,))
    with torch.no_grad():
        expected = net((pixels / 255 - 0.286) / 0.353)
    torch.testing.assert_close(predict_logits(net, pixels, recipe, CPU), expected)


def test_cancelling_restores_training_mode() -> None:
    net, done = GuideNet().train(), []
    pixels = torch.zeros(3 * BATCH_SIZE, 1, 28, 28, dtype=torch.uint8)
    with pytest.raises(Cancelled):
        predict_logits(
            net, pixels, GUIDE, CPU, progress=lambda count, _: done.append(count), should_stop=lambda: bool(done)
        )
    assert done == [BATCH_SIZE]
    assert net.training


class CrampedNet(nn.Module):
    """Runs out of memory on a GPU if a batch has more than `limit` images. Copies act as if on the CPU."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.guide = GuideNet()
        self.limit = limit
        self.sizes: list[int] = []

    def __deepcopy__(self, copies: dict[int, Any]) -> "CrampedNet":
        on_cpu = CrampedNet(limit=10**6)
        on_cpu.guide = copy.deepcopy(self.guide, copies)
        return on_cpu.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.sizes.append(len(x))
        if len(x) > self.limit:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 MiB")
        logits: torch.Tensor = self.guide(x)
        return logits


@pytest.mark.parametrize("limit", [500, 130, 0])
def test_evaluation_without_enough_memory_halves_its_batches_and_then_uses_the_cpu(
    limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = CrampedNet(limit).train()
    weights = [weight.data_ptr() for weight in net.parameters()]
    pixels = torch.randint(0, 256, (2 * BATCH_SIZE, 1, 28, 28), dtype=torch.uint8)
    expected = predict_logits(net.guide, pixels, GUIDE, CPU)
    reported: list[str] = []
    with fake_cuda(monkeypatch) as cuda:
        logits = predict_logits(net, pixels, GUIDE, torch.device("cuda", 0), report=reported.append)
        assert ("empty_cache" in cuda.calls) == (limit < BATCH_SIZE)
    torch.testing.assert_close(logits, expected)
    tried = {500: [500, 500], 130: [500, 250, *[125] * 8], 0: [500, 250, 125, 62]}[limit]
    assert net.sizes == tried
    assert len(reported) == (1 if limit == 0 else 0)
    assert all("cuda:0 has too little memory" in message for message in reported)
    assert net.training
    assert [weight.data_ptr() for weight in net.parameters()] == weights, "a CUDA graph keeps using their memory"


def test_errors_that_break_the_gpu_are_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    net = GuideNet()
    net.forward = fail  # type: ignore[method-assign, assignment]
    with fake_cuda(monkeypatch), pytest.raises(torch.AcceleratorError, match="illegal"):
        predict_logits(net, torch.zeros(5, 1, 28, 28, dtype=torch.uint8), GUIDE, torch.device("cuda", 0))
