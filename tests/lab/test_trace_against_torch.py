"""The shape trace agrees with PyTorch on the parameters, MACs, shapes and errors of random and torchvision's networks.

A sample runs with the other tests. `make test-shapes` runs all and prints a table of the results.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision import models

from fashion_tui.lab.trace import trace
from fashion_tui.schema.inputs import InputSpec

from .generated import draw_network
from .networks import build_on_meta
from .plain_torch import Verdict, compare, format_verdicts, run_plain

NETWORKS = 300
"""Number of generated networks."""

SAMPLE = range(0, NETWORKS, 15)
"""Seeds of the networks that run with the other tests."""

WITHOUT_A_BATCH_OF_IMAGES = ("detection", "optical_flow")
"""Parts of torchvision whose networks take lists of images, or pairs of images. The trace may refuse them."""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Compute with one thread, because the tensors are small."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def judge_generated(seed: int) -> Verdict:
    network = draw_network(seed)
    plain = run_plain(lambda: draw_network(seed).model, network.inputs)
    spec = InputSpec(shape=network.shape, dtype=str(network.dtype).removeprefix("torch."))
    return compare(plain, lambda: trace(network.model, [spec]))


def judge_torchvision(name: str) -> Verdict:
    options: dict[str, Any] = {"weights": None} | (
        {"weights_backbone": None} if _part_of(name) in {"detection", "segmentation"} else {}
    )
    if name in {"googlenet", "inception_v3"}:
        options["init_weights"] = False  # the initialisation is slow
    shape = _input_shape(name)

    def make() -> torch.nn.Module:
        try:
            return build_on_meta(models.get_model, name, **options).eval()
        except NotImplementedError:  # its constructor computes sizes with tensors
            return models.get_model(name, **options).to("meta").eval()  # type: ignore[no-any-return]

    def inputs(batch: int, device: str) -> Tensor:
        return torch.rand(batch, *shape, device=device)

    return compare(run_plain(make, inputs, device="meta"), lambda: trace(make(), shape))


def _part_of(name: str) -> str:
    return str(models.get_model_builder(name).__module__.split(".")[2])


def _input_shape(name: str) -> tuple[int, ...]:
    if _part_of(name) == "video":
        return (3, 16, 224, 224) if name.startswith(("mvit", "swin")) else (3, 8, 112, 112)
    return (3, 299, 299) if name == "inception_v3" else (3, 224, 224)


@pytest.mark.parametrize("seed", SAMPLE)
def test_a_generated_network(seed: int) -> None:
    assert judge_generated(seed) == Verdict("right")


@pytest.mark.shapes
@pytest.mark.timeout(3600)
def test_all_generated_networks(capsys: pytest.CaptureFixture[str]) -> None:
    verdicts = {str(seed): judge_generated(seed) for seed in range(NETWORKS)}
    with capsys.disabled():
        print(f"\ngenerated: {format_verdicts(verdicts)}")
    assert {verdict.kind for verdict in verdicts.values()} == {"right"}


@pytest.mark.shapes
@pytest.mark.timeout(3600)
def test_all_networks_of_torchvision(capsys: pytest.CaptureFixture[str]) -> None:
    names = [
        name for name in models.list_models() if _part_of(name) not in {*WITHOUT_A_BATCH_OF_IMAGES, "quantization"}
    ]
    verdicts = {name: judge_torchvision(name) for name in names}
    with capsys.disabled():
        print(f"\ntorchvision: {format_verdicts(verdicts)}")
    assert {verdict.kind for verdict in verdicts.values()} == {"right"}
