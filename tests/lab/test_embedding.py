"""The embedding of images in the penultimate layer, and the nearest images in it, compared with scikit-learn."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.neighbors import NearestNeighbors
from torch import Tensor, nn

from fashion_tui.lab.data.normalisation import normalise
from fashion_tui.lab.evaluation import embedding
from fashion_tui.lab.evaluation.embedding import embed, embedding_layer, nearest
from fashion_tui.lab.evaluation.metrics import Cancelled
from fashion_tui.lab.networks import GuideNet, StrongNet
from fashion_tui.lab.rng import CPU, rng_state
from fashion_tui.schema.builtin_recipes import GUIDE
from fashion_tui.schema.errors import UserError

from .networks import FunctionNet


def random_pixels(*shape: int) -> Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


GREY, COLOUR = random_pixels(7, 1, 28, 28), random_pixels(7, 3, 5, 9)


def normalised(pixels: Tensor) -> Tensor:
    return normalise(pixels, GUIDE.mean, GUIDE.std)


def test_the_embedding_is_the_input_of_the_last_linear_layer() -> None:
    torch.manual_seed(0)
    guide = GuideNet()
    assert embedding_layer(guide, normalised(GREY)) == "fc2"
    with torch.no_grad():
        first = F.max_pool2d(F.relu(guide.conv1(normalised(GREY))), 2)
        expected = F.relu(guide.fc1(F.max_pool2d(F.relu(guide.conv2(first)), 2).flatten(1)))
    torch.testing.assert_close(embed(guide, GREY, GUIDE, CPU), expected)

    strong = StrongNet().eval()
    inputs: list[Tensor] = []
    strong.fc.register_forward_pre_hook(lambda _module, args: inputs.append(args[0].detach()))
    strong(normalised(GREY))
    torch.testing.assert_close(embed(strong.train(), GREY, GUIDE, CPU), inputs[0])


def token_forward(self: Any, x: Tensor) -> Tensor:
    tokens = x.flatten(2)  # [N, 3, 45]
    tokens = self.per_token(input=tokens)  # [N, 3, 4]
    return tokens.mean(dim=1)  # type: ignore[no-any-return]


def sequence_first(self: Any, x: Tensor) -> Tensor:
    scores = self.early(x.flatten(1))
    return scores + self.late(x.flatten(2).transpose(0, 1)).sum(dim=0)[:, :2]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("forward", "layers", "path", "size"),
    [
        pytest.param(token_forward, {"unused": (4, 2), "per_token": (45, 4)}, "per_token", 135, id="tokens are joined"),
        pytest.param(
            sequence_first, {"early": (135, 2), "late": (45, 2)}, "early", 135, id="the first axis must be the images"
        ),
        pytest.param(
            lambda self, x: self.second(self.first(x.flatten(1))),
            {"second": (6, 2), "first": (135, 6)},
            "second",
            6,
            id="the order of calls counts",
        ),
    ],
)
def test_the_layer_is_the_last_one_that_is_called_with_a_row_per_image(
    forward: Any, layers: dict[str, tuple[int, int]], path: str, size: int
) -> None:
    model = FunctionNet(forward, **{name: nn.Linear(*sizes) for name, sizes in layers.items()})
    for count in (1, 2, 7):
        assert embedding_layer(model, normalised(COLOUR[:count])) == path
        assert embed(model, COLOUR[:count], GUIDE, CPU).shape == (count, size)


def test_the_embedding_keeps_values_that_are_later_changed_in_place() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        x = x.flatten(1)
        scores: Tensor = self.fc(x)
        x.zero_()
        return scores

    found = embed(FunctionNet(forward, fc=nn.Linear(135, 2)), COLOUR, GUIDE, CPU)
    assert torch.equal(found, normalised(COLOUR).flatten(1))


def test_networks_without_an_embedding_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    convolutional = nn.Sequential(nn.Conv2d(3, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert embedding_layer(convolutional, normalised(COLOUR)) is None
    with pytest.raises(UserError, match=r"Sequential calls no linear layer"):
        embed(convolutional, COLOUR, GUIDE, CPU)

    infinite = FunctionNet(lambda self, x: self.fc(x.flatten(1) / 0), fc=nn.Linear(135, 2))
    with pytest.raises(UserError, match="fc contains NaN or infinity"):
        embed(infinite, COLOUR, GUIDE, CPU)

    monkeypatch.setattr(embedding, "MAX_EMBEDDING_BYTES", 7 * 135 * 4 - 1)
    with pytest.raises(UserError, match="fc takes 135 values per image"):
        embed(FunctionNet(lambda self, x: self.fc(x.flatten(1)), fc=nn.Linear(135, 2)), COLOUR, GUIDE, CPU)


def test_progress_and_cancellation() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(9, 2))
    pixels, progress = random_pixels(1200, 1, 3, 3), list[tuple[int, int]]()
    embed(model, pixels, GUIDE, CPU, progress=lambda *each: progress.append(each))
    assert progress == [(500, 1200), (1000, 1200), (1200, 1200)]
    with pytest.raises(Cancelled):
        embed(model, pixels, GUIDE, CPU, should_stop=lambda: len(progress) == 3)


class Counting(nn.Module):
    """Counts its calls, draws a random number, and checks that it runs in the interruptible context."""

    is_inside = False

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(784, 3)
        self.norm = nn.BatchNorm1d(3)
        self.calls: Tensor
        self.register_buffer("calls", torch.zeros(()))
        self.fail = False

    def forward(self, x: Tensor) -> Tensor:
        assert Counting.is_inside
        self.calls += torch.rand(())
        if self.fail and len(x) > 2:
            raise ValueError("too many")
        x[:, :, 0] = 0
        scores: Tensor = self.norm(self.fc(x.flatten(1)))
        return scores


@contextmanager
def interruptible() -> Iterator[None]:
    Counting.is_inside = True
    try:
        yield
    finally:
        Counting.is_inside = False


@pytest.mark.parametrize("fail", [False, True])
def test_the_network_and_the_random_generators_stay_unchanged(fail: bool) -> None:  # noqa: FBT001
    model = Counting().train()
    model.fail = fail
    pixels = GREY.clone()

    def state() -> tuple[Any, ...]:
        values = {name: tensor.tolist() for name, tensor in model.state_dict().items()}
        hooks = [len(module._forward_pre_hooks) for module in model.modules()]
        return values, hooks, [module.training for module in model.modules()], rng_state(CPU)["torch"].tolist()

    before = state()
    if fail:
        with pytest.raises(UserError, match="ValueError: too many"):
            embed(model, pixels, GUIDE, CPU, interruptible=interruptible)
    else:
        embed(model, pixels, GUIDE, CPU, interruptible=interruptible)
    assert state() == before
    assert torch.equal(pixels, GREY)


@pytest.mark.parametrize("k", [1, 5, 40])
def test_nearest_agrees_with_scikit_learn(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "QUERY_BLOCK", 3)
    monkeypatch.setattr(embedding, "EMBEDDING_BLOCK", 17)
    generator = torch.Generator().manual_seed(0)
    embeddings, queries = torch.randn(200, 12, generator=generator), torch.randn(10, 12, generator=generator)
    distances, indices = nearest(queries, embeddings, k)
    oracle = NearestNeighbors(algorithm="brute").fit(embeddings.double().numpy())
    expected_distances, expected_indices = oracle.kneighbors(queries.double().numpy(), k)
    assert indices.tolist() == expected_indices.tolist()
    np.testing.assert_allclose(distances.numpy(), expected_distances, rtol=1e-5)


@pytest.mark.parametrize(("value", "mirrored"), [(1e4, False), (3333.3, True)])
def test_nearest_keeps_small_differences_of_large_values(value: float, mirrored: bool) -> None:  # noqa: FBT001
    """In a product of float32, a squared norm of 3 × 10^8 hides differences of 16, and one of 3 × 10^7 those of 2.

    The mean of mirrored values is 0, so subtracting it doesn't make them smaller.
    """
    rows = torch.full((100, 3), value) + torch.arange(100.0).flip(0)[:, None] / 8
    embeddings = torch.cat([rows, -rows]) if mirrored else rows
    distances, indices = nearest(torch.full((1, 3), value), embeddings, 3)
    assert indices.tolist() == [[99, 98, 97]]
    assert distances[0].tolist() == pytest.approx([0, 3**0.5 / 8, 3**0.5 / 4], abs=1e-3)


def test_equally_distant_neighbours_are_ordered_by_index() -> None:
    embeddings = torch.tensor([[3.0], [1.0], [-1.0], [1.0], [9.0]])
    distances, indices = nearest(torch.zeros(1, 1), embeddings, 9)
    assert indices.tolist() == [[1, 2, 3, 0, 4]]
    assert distances.tolist() == [[1, 1, 1, 3, 9]]
