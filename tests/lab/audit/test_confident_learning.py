"""Confident learning, compared with the published definition written out in plain Python, and with a worked example."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from fashion_tui.lab.audit.confident_learning import (
    class_thresholds,
    confident_joint,
    confident_labels,
    count_errors,
    find_label_issues,
)


def published_definition(
    probabilities: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]
) -> tuple[np.ndarray[Any, Any], dict[int, tuple[int, float]]]:
    """Return the confident joint, and the most probable label and the score of each image that is pruned by class.

    This is written image by image, as in the paper.
    """
    count, classes = probabilities.shape
    of_class = [[x for x in range(count) if labels[x] == j] for j in range(classes)]
    thresholds = [
        math.fsum(float(probabilities[x, j]) for x in of_class[j]) / max(1, len(of_class[j])) for j in range(classes)
    ]
    joint = np.zeros((classes, classes), dtype=np.int64)
    for x in range(count):
        above = [j for j in range(classes) if of_class[j] and probabilities[x, j] >= np.float32(thresholds[j])]
        if above:
            joint[labels[x], max(above, key=lambda j: probabilities[x, j])] += 1
    issues = {}
    for i in range(classes):
        scaled = [joint[i, j] / max(1, joint[i].sum()) * len(of_class[i]) for j in range(classes)]
        pruned = sorted(of_class[i], key=lambda x: probabilities[x, i])[: round(sum(scaled) - scaled[i])]
        for x in pruned:
            best = int(probabilities[x].argmax())
            if best != i:
                issues[x] = best, 1 - float(probabilities[x, i])
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
    assert dict(zip(issues.indices.tolist(), issues.suggested.tolist(), strict=True)) == {
        index: label for index, (label, _) in expected.items()
    }
    assert issues.scores.tolist() == pytest.approx([expected[index][1] for index in issues.indices.tolist()])
    assert issues.scores.tolist() == sorted(issues.scores.tolist(), reverse=True)


def test_a_worked_example() -> None:
    """The thresholds are 0.6 and 0.7, and the last image of each class is confidently in the other one.

    One of three labels is wrong in each class, so the image with the lowest self-confidence is chosen.
    """
    probabilities = torch.tensor([[0.9, 0.1], [0.65, 0.35], [0.25, 0.75], [0.05, 0.95], [0.1, 0.9], [0.75, 0.25]])
    labels = torch.tensor([0, 0, 0, 1, 1, 1])
    thresholds = class_thresholds(probabilities, labels)
    assert thresholds.tolist() == pytest.approx([0.6, 0.7])
    joint = confident_joint(labels, confident_labels(probabilities, thresholds), 2)
    assert joint.tolist() == [[2, 1], [1, 2]]
    assert count_errors(joint, labels).tolist() == [1, 1]
    issues = find_label_issues(probabilities, labels)
    assert issues.indices.tolist() == [2, 5]
    assert issues.suggested.tolist() == [1, 0]
    assert issues.scores.tolist() == pytest.approx([0.75, 0.75])


def test_the_errors_are_scaled_to_images_without_a_confident_label() -> None:
    joint = torch.tensor([[3, 1, 0], [0, 0, 0], [1, 1, 6]])
    labels = torch.tensor([0] * 8 + [1] * 5 + [2] * 8)
    assert count_errors(joint, labels).tolist() == [2, 0, 2]


def test_an_image_has_no_confident_label_if_no_probability_reaches_its_threshold() -> None:
    probabilities = torch.tensor([[0.9, 0.1], [0.1, 0.9], [0.5, 0.5]])
    assert confident_labels(probabilities, torch.tensor([0.7, 0.9])).tolist() == [0, 1, -1]


def test_a_class_without_images_is_never_suggested() -> None:
    probabilities = torch.tensor([[0.2, 0.1, 0.7], [0.3, 0.1, 0.6], [0.1, 0.6, 0.3]])
    issues = find_label_issues(probabilities, torch.tensor([0, 0, 1]))
    assert 2 not in issues.suggested


def test_probabilities_that_are_not_numbers_make_no_label_suspicious() -> None:
    probabilities = torch.tensor([[0.9, 0.1], [math.nan, math.nan], [0.2, 0.8]])
    assert find_label_issues(probabilities, torch.tensor([0, 0, 1])).indices.tolist() == []
