"""Confident learning, compared with the published definition written out in plain Python, and with a worked example."""

import math

import numpy as np
import pytest
import torch

from fashion_tui.lab.audit.confident_learning import (
    class_thresholds,
    confident_joint,
    confident_labels,
    find_label_issues,
)


def published_definition(
    probabilities: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, dict[int, tuple[int, float]]]:
    """Return the confident joint, and the suggested label and score of each image off its diagonal, image by image."""
    count, classes = probabilities.shape
    thresholds = []
    for j in range(classes):
        own = [float(probabilities[x, j]) for x in range(count) if labels[x] == j]
        thresholds.append(math.fsum(own) / len(own) if own else math.inf)
    joint = np.zeros((classes, classes), dtype=np.int64)
    issues = {}
    for x in range(count):
        above = [j for j in range(classes) if probabilities[x, j] >= np.float32(thresholds[j])]
        if above:
            best = max(above, key=lambda j: probabilities[x, j])
            joint[labels[x], best] += 1
            if best != labels[x]:
                issues[x] = best, 1 - float(probabilities[x, labels[x]])
    return joint, issues


@pytest.mark.parametrize(("count", "classes", "seed"), [(400, 10, 0), (1000, 3, 1), (60, 20, 2), (5, 2, 3), (9, 1, 4)])
def test_the_results_equal_those_of_the_published_definition(count: int, classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    logits = rng.normal(size=(count, classes)) * 2
    logits[np.arange(count), labels] += 2
    exponentials = np.exp(logits)
    probabilities = (exponentials / exponentials.sum(axis=1, keepdims=True)).astype(np.float32)
    joint, expected = published_definition(probabilities, labels)

    ours, given = torch.from_numpy(probabilities), torch.from_numpy(labels)
    confident = confident_labels(ours, class_thresholds(ours, given))
    assert confident_joint(given, confident, classes).numpy().tolist() == joint.tolist()
    issues = find_label_issues(ours, given)
    found = zip(issues.indices.tolist(), issues.suggested.tolist(), issues.scores.tolist(), strict=True)
    assert {index: (label, pytest.approx(score)) for index, label, score in found} == expected
    assert issues.scores.tolist() == sorted(issues.scores.tolist(), reverse=True)


def test_a_worked_example() -> None:
    """The thresholds are 0.6 and 0.7. The last image of each class is confidently in the other one."""
    probabilities = torch.tensor([[0.9, 0.1], [0.65, 0.35], [0.25, 0.75], [0.05, 0.95], [0.1, 0.9], [0.75, 0.25]])
    labels = torch.tensor([0, 0, 0, 1, 1, 1])
    assert class_thresholds(probabilities, labels).tolist() == pytest.approx([0.6, 0.7])
    issues = find_label_issues(probabilities, labels)
    assert issues.indices.tolist() == [2, 5]
    assert issues.suggested.tolist() == [1, 0]
    assert issues.scores.tolist() == pytest.approx([0.75, 0.75])


def test_no_label_is_suggested_if_no_probability_reaches_its_threshold() -> None:
    probabilities = torch.tensor([[0.9, 0.1], [0.1, 0.9], [0.5, 0.5]])
    labels = torch.tensor([0, 1, 0])
    assert confident_labels(probabilities, torch.tensor([0.7, 0.9])).tolist() == [0, 1, -1]
    assert find_label_issues(probabilities, labels).indices.tolist() == []


def test_a_class_without_images_is_never_suggested() -> None:
    probabilities = torch.tensor([[0.2, 0.1, 0.7], [0.3, 0.1, 0.6], [0.1, 0.6, 0.3]])
    issues = find_label_issues(probabilities, torch.tensor([0, 0, 1]))
    assert 2 not in issues.suggested


def test_probabilities_that_are_not_numbers_make_no_label_suspicious() -> None:
    probabilities = torch.tensor([[0.9, 0.1], [math.nan, math.nan], [0.2, 0.8]])
    assert find_label_issues(probabilities, torch.tensor([0, 0, 1])).indices.tolist() == []
