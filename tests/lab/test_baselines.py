"""The simple models, compared with scikit-learn on real digits, and the exactness of distances."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

from fashion_tui.lab.data.datasets import Images
from fashion_tui.lab.evaluation.baselines import evaluate_baselines, pixel_features
from fashion_tui.lab.evaluation.linear import L2_PENALTY, fit_linear_model
from fashion_tui.lab.evaluation.metrics import Cancelled
from fashion_tui.lab.evaluation.nearest import QUERY_BLOCK, nearest_neighbours, vote

from .digits import digits


@pytest.fixture(scope="module")
def parts() -> tuple[Images, Images]:
    return digits()


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Run scikit-learn in one thread, because its idle threads spin."""
    with threadpool_limits(1):
        yield


def flat(images: Images) -> np.ndarray:
    pixels: np.ndarray = images.pixels.flatten(1).numpy()
    return pixels


def test_the_nearest_neighbours_are_those_of_scikit_learn(parts: tuple[Images, Images]) -> None:
    train, test = parts
    neighbours = nearest_neighbours(test.pixels.flatten(1), train.pixels.flatten(1), 7)
    predicted = vote(neighbours[:, :5], train.labels, 10).numpy()

    oracle = KNeighborsClassifier(5, algorithm="brute").fit(flat(train).astype(float), train.labels.numpy())
    distances, indices = oracle.kneighbors(flat(test).astype(float), 7)
    ours = np.linalg.norm(flat(test)[:, None].astype(float) - flat(train)[neighbours.numpy()], axis=2)
    np.testing.assert_allclose(ours, distances, atol=1e-4)
    is_unique = (np.diff(distances, axis=1) > 1e-4).all(axis=1)
    assert is_unique.mean() > 0.8
    assert (neighbours.numpy()[is_unique, :6] == indices[is_unique, :6]).all()
    is_clear = distances[:, 5] - distances[:, 4] > 1e-4  # otherwise, rounding may determine the fifth neighbour
    assert is_clear.mean() > 0.98
    assert (predicted[is_clear] == oracle.predict(flat(test).astype(float))[is_clear]).all()

    for k, p in ((1, 2), (4, 2), (6, 2), (5, 1)):  # mistakes in the number of neighbours or in the distance would show
        other = KNeighborsClassifier(k, p=p, algorithm="brute").fit(flat(train).astype(float), train.labels.numpy())
        assert (other.predict(flat(test).astype(float))[is_clear] != predicted[is_clear]).any()


def test_distances_are_exact_and_ties_are_broken_by_index() -> None:
    """Float32 would round the squared distances, of up to 2·10⁸, to multiples of 16."""
    generator = torch.Generator().manual_seed(0)
    references = torch.randint(0, 256, (700, 3072), generator=generator, dtype=torch.uint8)
    references[::2] = references[0]
    references[torch.arange(0, 700, 2), torch.arange(350)] ^= 1  # distances that differ by a few units
    references[500:510] = references[20]
    queries = 255 - references[: QUERY_BLOCK + 3]
    found = nearest_neighbours(queries, references, 7)
    for row in (0, 1, 20, 499, QUERY_BLOCK + 2):
        distances = ((queries[row].long() - references.long()) ** 2).sum(dim=1).tolist()
        assert found[row].tolist() == sorted(range(700), key=lambda index: (distances[index], index))[:7]


def test_the_lowest_label_wins_a_tied_vote() -> None:
    neighbours = torch.tensor([[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [5, 5, 4, 3, 2]])
    labels = torch.tensor([7, 2, 7, 2, 9, 3])
    assert vote(neighbours, labels, 10).tolist() == [2, 2, 3]


def test_the_linear_model_is_that_of_scikit_learn(parts: tuple[Images, Images]) -> None:
    train, test = parts
    model = fit_linear_model(train.pixels.flatten(1), train.labels, 10)

    def oracle(penalty: float) -> np.ndarray:
        regression = LogisticRegression(C=1 / (penalty * len(train)), tol=1e-6, max_iter=1_000)
        regression.fit(flat(train) / 255, train.labels.numpy())
        probabilities: np.ndarray = regression.predict_proba(flat(test) / 255)
        return probabilities

    ours, theirs = model(test.pixels.flatten(1)).softmax(dim=1).numpy(), oracle(L2_PENALTY)
    assert (ours.argmax(axis=1) == theirs.argmax(axis=1)).mean() > 0.995
    assert np.abs(ours - theirs).mean() < 2e-4
    for mistake in (oracle(2 * L2_PENALTY), oracle(L2_PENALTY / 2)):
        assert np.abs(ours - mistake).mean() > 1e-3


def test_the_baselines_of_a_set_whose_classes_are_not_balanced(parts: tuple[Images, Images]) -> None:
    """Class 3 has the most training images, and class 8 the most test images."""
    train, test = parts
    train = train[(train.labels != 8) | (torch.arange(len(train)) % 3 == 0)]
    train = Images(torch.cat([train.pixels, train.pixels[train.labels == 3]]),
                   torch.cat([train.labels, train.labels[train.labels == 3]]))  # fmt: skip
    test = test[(test.labels == 8) | (torch.arange(len(test)) % 2 == 0)]
    seen: list[int] = []
    baselines = evaluate_baselines(train, test, 10, progress=lambda done, _: seen.append(done))
    assert baselines.n == len(test)
    assert baselines.majority == pytest.approx((test.labels == 3).double().mean().item())
    nearest = KNeighborsClassifier(5).fit(flat(train).astype(float), train.labels.numpy())
    assert baselines.nearest == pytest.approx(nearest.score(flat(test).astype(float), test.labels.numpy()), abs=0.01)
    linear = LogisticRegression(C=1 / (L2_PENALTY * len(train)), max_iter=500)
    linear.fit(flat(train) / 255, train.labels.numpy())
    assert baselines.linear == pytest.approx(linear.score(flat(test) / 255, test.labels.numpy()), abs=0.01)
    assert baselines.majority < baselines.linear < baselines.nearest
    assert seen == sorted(seen)
    assert seen[-1] == 100


def test_one_class_and_fewer_images_than_neighbours() -> None:
    images = Images(torch.arange(3 * 12, dtype=torch.uint8).view(3, 1, 3, 4), torch.zeros(3, dtype=torch.int64))
    baselines = evaluate_baselines(images, images, 1)
    assert (baselines.majority, baselines.linear, baselines.nearest) == (1, 1, 1)


def test_the_baselines_can_be_cancelled(parts: tuple[Images, Images]) -> None:
    train, test = parts
    for passes in (0, 20):
        answers = iter([False] * passes + [True])
        with pytest.raises(Cancelled):
            evaluate_baselines(train, test, 10, should_stop=answers.__next__)
    with pytest.raises(Cancelled):
        nearest_neighbours(test.pixels.flatten(1), train.pixels.flatten(1), 5, should_stop=lambda: True)


def test_large_images_are_averaged_and_others_are_not() -> None:
    generator = torch.Generator().manual_seed(0)
    large = torch.randint(0, 256, (5, 3, 64, 20), generator=generator, dtype=torch.uint8)
    means = large.numpy().reshape(5, 3, 32, 2, 20).mean(axis=3)
    found = pixel_features(large).view(5, 3, 32, 20).numpy()
    assert np.abs(found - means).max() <= 0.5
    small = large[:, :, :32]
    assert torch.equal(pixel_features(small), small.flatten(1))
