"""Heat maps that explain a prediction, compared with Captum, for built-in networks and custom models."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import captum.attr
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fashion_tui.lab.explain import (
    Classifier,
    choose_target,
    explain,
    find_layers,
    grad_cam,
    input_x_gradient,
    occlusion,
    scale_to_one,
    smooth_grad,
)
from fashion_tui.lab.explain.saliency import smooth_grad_noise
from fashion_tui.lab.networks import GuideNet, QuickNet, StrongNet
from fashion_tui.lab.rng import CPU, rng_state
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.explanation import Method

from .networks import FunctionNet

METHODS: tuple[Method, ...] = ("gradient", "smoothgrad", "grad-cam", "occlusion")


class ColourNet(nn.Module):
    """Takes images of 3×17×23. It reads its activations after they were changed in place, unless `inplace` is False."""

    def __init__(self, *, inplace: bool = True) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3)
        self.relu = nn.ReLU(inplace=inplace)
        self.block = nn.Sequential(nn.Conv2d(4, 6, 3, stride=2, padding=1), nn.Sigmoid())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.block(self.relu(self.first(x)))
        logits: Tensor = self.fc(self.pool(x).flatten(1))
        return logits


def seeded(make: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return make().eval()


def random_image(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


GREY, COLOUR = (1, 28, 28), (3, 17, 23)

NETWORKS = pytest.mark.parametrize(
    ("make", "reference", "shape"),
    [
        (GuideNet, GuideNet, GREY),
        (QuickNet, QuickNet, GREY),
        (StrongNet, StrongNet, GREY),
        (ColourNet, lambda: ColourNet(inplace=False), COLOUR),
    ],
    ids=["guide", "quick", "strong", "colour"],
)


def assert_close(found: Tensor, expected: Tensor) -> None:
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-7 + 1e-5 * expected.abs().max().item())


@NETWORKS
def test_gradients_agree_with_captum(
    make: Callable[[], nn.Module],
    reference: Callable[[], nn.Module],
    shape: tuple[int, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    classifier, oracle, image = Classifier(seeded(make).train()), seeded(reference), random_image(*shape)
    found = input_x_gradient(classifier, image, 3)
    expected = captum.attr.InputXGradient(oracle).attribute(image[None].requires_grad_(), target=3)
    assert_close(found, expected[0].sum(dim=0).detach())

    noise = smooth_grad_noise(image, samples=10, noise=0.2, seed=7)
    monkeypatch.setattr(torch, "normal", lambda *_args: noise)
    tunnel = captum.attr.NoiseTunnel(captum.attr.Saliency(oracle))
    expected = tunnel.attribute(image[None], nt_type="smoothgrad", nt_samples=10, target=3, abs=False)
    assert_close(smooth_grad(classifier, image, 3, samples=10, noise=0.2, seed=7), expected[0].abs().amax(dim=0))


@NETWORKS
def test_grad_cam_agrees_with_captum(
    make: Callable[[], nn.Module], reference: Callable[[], nn.Module], shape: tuple[int, ...]
) -> None:
    classifier, oracle, image = Classifier(seeded(make).train()), seeded(reference), random_image(*shape)
    paths = find_layers(classifier, image).paths
    assert len(paths) >= 2
    for path in paths:
        cam = captum.attr.LayerGradCam(oracle, oracle.get_submodule(path)).attribute(image[None], target=2)
        resized = captum.attr.LayerAttribution.interpolate(F.relu(cam), shape[1:], "bilinear")
        assert_close(grad_cam(classifier, image, 2, path), resized[0, 0].detach())


def test_grad_cam_is_zero_if_the_layer_has_evidence_against_the_class_only() -> None:
    """With all weights -1, each feature map is negative where the image is positive, and so is their weighted sum."""
    conv, fc = nn.Conv2d(1, 2, 3, bias=False), nn.Linear(2, 2)
    model = nn.Sequential(conv, nn.AdaptiveAvgPool2d(1), nn.Flatten(), fc)
    with torch.no_grad():
        conv.weight.fill_(-1)
        fc.weight.copy_(torch.tensor([[1.0, 1.0], [-1.0, -1.0]]))
    image = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0)) + 0.1
    assert not grad_cam(Classifier(model), image, 0, "0").any()
    cam = captum.attr.LayerGradCam(model, conv).attribute(image[None], target=0)
    assert cam.max().item() < 0
    assert grad_cam(Classifier(model), image, 1, "0").min().item() > 0


@NETWORKS
def test_occlusion_agrees_with_captum(
    make: Callable[[], nn.Module], reference: Callable[[], nn.Module], shape: tuple[int, ...]
) -> None:
    """The patches of the 17×23 images are 3×4 and move by 2; the last ones end outside the image."""
    classifier, oracle, image = Classifier(seeded(make).train()), seeded(reference), random_image(*shape)
    progress: list[tuple[int, int]] = []
    found = occlusion(classifier, image, 1, progress=lambda *each: progress.append(each))
    window = (4, 4) if shape == GREY else (3, 4)
    expected = captum.attr.Occlusion(lambda images: oracle(images).softmax(dim=1)).attribute(
        image[None],
        sliding_window_shapes=(shape[0], *window),
        strides=(shape[0], 2, 2),
        baselines=image.mean(dim=(1, 2), keepdim=True).expand(shape)[None],
        target=1,
        perturbations_per_eval=32,
    )
    assert_close(found, expected[0, 0].detach())
    assert progress[-1] == ((13 * 13,) * 2 if shape == GREY else (8 * 11,) * 2)
    assert len(progress) > 1


def test_layers_with_feature_maps_are_listed_in_the_order_of_their_calls() -> None:
    def names(model: nn.Module, image: Tensor) -> tuple[tuple[str, ...], str | None]:
        found = find_layers(Classifier(model), image)
        return found.paths, found.default

    assert names(GuideNet(), random_image(*GREY)) == (("conv1", "conv2"), "conv2")
    expected = ("first", "relu", "block.0", "block.1", "block")  # not the pool, which has one position
    assert names(ColourNet(), random_image(*COLOUR)) == (expected, "block")

    def twice(self: Any, x: Tensor) -> Tensor:
        x = self.late(self.early(x))
        scores: Tensor = self.early(x).mean(dim=(2, 3))
        return scores

    assert names(QuickNet(), random_image(*GREY))[1] == "norm3"
    strided = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout2d())
    assert names(nn.Sequential(strided, nn.Flatten(), nn.LazyLinear(2)), random_image(*COLOUR))[1] == "0.2"

    model = FunctionNet(twice, early=nn.Conv2d(3, 3, 1), late=nn.Conv2d(3, 3, 1), unused=nn.Conv2d(3, 3, 1))
    assert names(model, random_image(*COLOUR)) == (("late", "early"), "early")


def test_a_layer_without_feature_maps_cannot_be_chosen() -> None:
    layers = find_layers(Classifier(ColourNet()), random_image(*COLOUR))
    assert layers.choose(None) == "block"
    assert layers.choose("relu") == "relu"
    with pytest.raises(UsageError, match=r"'fc'.*choose from first, relu, block\.0"):
        layers.choose("fc")
    without = find_layers(Classifier(nn.Sequential(nn.Flatten(), nn.Linear(784, 10))), random_image(*GREY))
    with pytest.raises(UserError, match="no convolution"):
        without.choose(None)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:FutureWarning")
def test_layers_of_a_scripted_module_cannot_be_chosen() -> None:
    scripted = torch.jit.script(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU()))
    model = nn.Sequential(scripted, nn.Conv2d(4, 2, 3), nn.Flatten(), nn.Linear(2 * 24 * 24, 3))
    assert find_layers(Classifier(model), random_image(*GREY)).paths == ("1",)


def test_frozen_layers_have_a_grad_cam() -> None:
    model = seeded(ColourNet)
    expected = grad_cam(Classifier(model), random_image(*COLOUR), 0, "first")
    model.requires_grad_(requires_grad=False)
    assert_close(grad_cam(Classifier(model), random_image(*COLOUR), 0, "first"), expected)


def test_noise_depends_on_the_seed_and_on_the_range_of_the_image() -> None:
    image = random_image(3, 40, 40) * 5
    noise = smooth_grad_noise(image, samples=20, noise=0.1, seed=0)
    assert noise.std().item() == pytest.approx(0.1 * (image.max() - image.min()).item(), rel=0.02)
    assert noise.mean().item() == pytest.approx(0, abs=0.02)
    assert torch.equal(noise, smooth_grad_noise(image, samples=20, noise=0.1, seed=0))
    assert not torch.equal(noise, smooth_grad_noise(image, samples=20, noise=0.1, seed=1))


def test_the_target_is_the_predicted_class_unless_another_is_chosen() -> None:
    logits = torch.tensor([0.5, 2.0, -1.0])
    assert (choose_target(logits, None), choose_target(logits, 2)) == (1, 2)
    for target in (-1, 3):
        with pytest.raises(UsageError, match=f"{target}; it must be between 0 and 2"):
            choose_target(logits, target)


def test_a_heat_map_is_scaled_by_its_largest_absolute_value() -> None:
    scaled, scale = scale_to_one(torch.tensor([[1.0, -4.0], [0.0, 2.0]]))
    assert scaled.tolist() == [[0.25, -1.0], [0.0, 0.5]]
    assert scale == 4
    zeros, scale = scale_to_one(torch.zeros(2, 2))
    assert not zeros.any()
    assert scale == 0
    with pytest.raises(UserError, match="NaN or infinity"):
        scale_to_one(torch.tensor([[1.0, float("nan")]]))


class Unruly(nn.Module):
    """Counts its calls, draws random numbers, changes its input in place, and fails after some calls."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(4, 3)
        self.calls: Tensor
        self.register_buffer("calls", torch.zeros(()))
        self.left = calls

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.left -= 1
        if self.left < 0:
            raise ValueError("no calls left")
        x.mul_(2 + random.random() + np.random.rand())  # noqa: NPY002
        x = F.dropout(self.conv(x), 0.3, training=True).amax(dim=(2, 3))
        logits: Tensor = self.fc(self.drop(x))
        return logits


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("calls", [100, 1])
def test_an_explanation_leaves_the_network_and_the_random_generators_unchanged(method: Method, calls: int) -> None:
    model, image = Unruly(calls).train(), random_image(*GREY)
    model.drop.eval()
    model(image[None].clone()).sum().backward()
    model.left = calls
    model.fc.register_forward_hook(lambda *_args: None)

    def state() -> tuple[Any, ...]:
        gradients = [None if each.grad is None else each.grad.tolist() for each in model.parameters()]
        hooks = [(len(each._forward_hooks), len(each._forward_pre_hooks)) for each in model.modules()]
        modes = [each.training for each in model.modules()]
        values = {name: tensor.tolist() for name, tensor in model.state_dict().items()}
        generators = rng_state(CPU)
        generators["torch"] = generators["torch"].tolist()
        return generators, gradients, hooks, modes, values, model.left, image.tolist()

    before = state()
    classifier = Classifier(model)
    classifier.predict(image)
    if calls == 1:
        with pytest.raises(UserError, match="no calls left"):
            explain(classifier, image, 0, method, layer="conv")
    else:
        explain(classifier, image, 0, method, layer="conv")
    assert state() == before
    assert not classifier.network.get_submodule("conv")._forward_hooks


@pytest.mark.parametrize("method", METHODS)
def test_a_network_that_draws_random_numbers_always_gets_the_same(method: Method) -> None:
    classifier, image = Classifier(Unruly(1000)), random_image(*GREY)
    first = explain(classifier, image, 0, method, layer="conv")
    random.random(), torch.rand(1)
    assert torch.equal(explain(classifier, image, 0, method, layer="conv"), first)


def detached(_self: Any, x: Tensor) -> Tensor:
    return _self.fc(x.detach().flatten(1))  # type: ignore[no-any-return]


def looked_up(_self: Any, x: Tensor) -> Tensor:
    return _self.table(x.long().clamp(0, 3).flatten(1)).mean(dim=1)  # type: ignore[no-any-return]


def without_gradients(self: Any, x: Tensor) -> Tensor:
    with torch.no_grad():
        x = self.conv(x)
    return self.fc(x.flatten(1))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("forward", "layers"),
    [
        (detached, {"fc": nn.Linear(784, 3)}),
        (looked_up, {"table": nn.Embedding(4, 3)}),
        (without_gradients, {"conv": nn.Conv2d(1, 1, 1), "fc": nn.Linear(784, 3)}),
    ],
)
def test_methods_that_cannot_be_applied_say_why(forward: Any, layers: dict[str, nn.Module]) -> None:
    classifier, image = Classifier(FunctionNet(forward, **layers)), random_image(*GREY)
    for method in ("gradient", "smoothgrad"):
        with pytest.raises(UserError, match="no gradient reaches the image"):
            explain(classifier, image, 0, method)
    if "conv" in layers:
        with pytest.raises(UserError, match="no gradient reaches the output of conv"):
            explain(classifier, image, 0, "grad-cam", layer="conv")
    assert explain(classifier, image, 0, "occlusion").isfinite().all()


@pytest.mark.parametrize(
    ("forward", "words"),
    [
        (lambda _self, x: x.sum(), "one row of float logits"),
        (lambda _self, x: x.flatten(1).argmax(dim=1, keepdim=True), "one row of float logits"),
        (lambda _self, x: x.flatten(1) * torch.nan, "NaN or infinity"),
        (lambda _self, x: x @ torch.ones(3, 3), r"fails on 1×.* images: .*28 columns"),
    ],
)
def test_networks_that_cannot_be_explained_say_why(forward: Any, words: str) -> None:
    with pytest.raises(UserError, match=words):
        Classifier(FunctionNet(forward)).predict(random_image(*GREY))


class Context:
    """Whether the network's code is running in the interruptible context. A class, because copies share classes."""

    is_inside = False
    entered = 0

    @classmethod
    @contextmanager
    def enter(cls) -> Iterator[None]:
        cls.is_inside, cls.entered = True, cls.entered + 1
        yield
        cls.is_inside = False

    @classmethod
    def check(cls, *, is_inside: bool) -> None:
        assert cls.is_inside == is_inside


def checked_forward(self: Any, x: Tensor) -> Tensor:
    Context.check(is_inside=True)
    if x.requires_grad:
        x.register_hook(lambda _gradient: Context.check(is_inside=True))
    return self.conv(x).amax(dim=(2, 3))  # type: ignore[no-any-return]


@pytest.mark.parametrize("method", METHODS)
def test_the_network_runs_in_the_interruptible_context_and_progress_is_reported_outside(method: Method) -> None:
    model = FunctionNet(checked_forward, conv=nn.Conv2d(1, 3, 3))
    classifier = Classifier(model, interruptible=Context.enter)
    before, image = Context.entered, random_image(*GREY)
    explain(classifier, image, 0, method, layer="conv", progress=lambda *_: Context.check(is_inside=False))
    assert Context.entered > before
