"""Heat maps and nearest training images of a run, and explanations that are interrupted."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fashion_tui.data.sources import SYNTHETIC
from fashion_tui.engine.client import Engine
from fashion_tui.engine.server.cache import Cache
from fashion_tui.engine.server.connection import CallContext
from fashion_tui.engine.server.runs import run_dataset
from fashion_tui.engine.server.serve import HANDLERS
from fashion_tui.lab.data.datasets import Dataset
from fashion_tui.lab.data.normalisation import normalise
from fashion_tui.lab.explain import Classifier, grad_cam, occlusion
from fashion_tui.lab.networks import GuideNet
from fashion_tui.lab.training.checkpoint import write_checkpoint
from fashion_tui.schema.builtin_recipes import GUIDE
from fashion_tui.schema.errors import UsageError, UserError
from fashion_tui.schema.evaluation import Evaluation
from fashion_tui.schema.explanation import HeatMap, Neighbours
from fashion_tui.schema.models import CustomModel
from fashion_tui.schema.replies import Device
from fashion_tui.schema.requests import Evaluate, Explain, GetDevices, GetNeighbours, Request
from tests.custom_models import custom_model
from tests.runs.parts import make_run

from .files import wait_for_file
from .in_process import UninterruptedCall

LINEAR_NET = """
from torch import nn


class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(784, 8), nn.ReLU(), nn.Linear(8, 10))
"""

CACHE = Cache()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    with make_run(tmp_path_factory.mktemp("runs"), dataset=SYNTHETIC) as run:
        return run_dataset(run.config, CACHE)


@pytest.fixture(autouse=True)
def _cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def save_run(
    tmp_path: Path, weights: dict[str, Tensor], network: CustomModel | None = None, validation: int = 0
) -> str:
    with make_run(tmp_path / "runs", dataset=SYNTHETIC, network=network, validation=validation) as run:
        run.checkpoints.save(lambda file: write_checkpoint(file, {"model": weights}, {}), step=1, epoch=0)
        return str(run.path)


def seeded(model: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return model().eval()


class CountedCall(UninterruptedCall):
    """Records the reported progress."""

    def __init__(self) -> None:
        self.reported: list[tuple[int, int]] = []

    def progress(self, done: int, total: int, so_far: object = None) -> None:
        self.reported.append((done, total))


def answer(request: Request, call: CallContext | None = None) -> object:
    return HANDLERS[type(request)](request, call or UninterruptedCall(), CACHE)


def explain(run_path: str, **changes: object) -> HeatMap:
    values = {"run_path": run_path, "checkpoint": "final", "split": "test", "index": 3, "method": "gradient", **changes}
    found = answer(Explain(**values))  # type: ignore[arg-type]
    assert isinstance(found, HeatMap)
    return found


def neighbours(run_path: str, call: CallContext | None = None, **changes: object) -> Neighbours:
    values = {"run_path": run_path, "checkpoint": "final", "split": "test", "index": 3, "limit": 4, **changes}
    found = answer(GetNeighbours(**values), call)  # type: ignore[arg-type]
    assert isinstance(found, Neighbours)
    return found


def test_a_heat_map_is_that_of_the_runs_network(tmp_path: Path, dataset: Dataset) -> None:
    guide = seeded(GuideNet)
    run_path = save_run(tmp_path, guide.state_dict())
    image = normalise(dataset.train.pixels[9], GUIDE.mean, GUIDE.std)
    found = explain(run_path, split="train", index=9, method="grad-cam", layer="conv1", target=4)
    assert (found.method, found.layer, found.layers) == ("grad-cam", "conv1", ("conv1", "conv2"))
    assert (found.target, found.truth) == (4, dataset.train.labels[9].item())
    assert found.image == dataset.train.pixels[9].numpy().tobytes()
    assert found.image_shape == (1, 28, 28)
    with torch.no_grad():
        probabilities = guide(image[None]).softmax(dim=1)[0]
    assert found.probabilities == pytest.approx(probabilities.tolist(), rel=1e-4)
    expected = grad_cam(Classifier(guide), image, 4, "conv1").numpy()
    values = np.frombuffer(found.values, np.float32).reshape(28, 28)
    np.testing.assert_allclose(values * found.scale, expected, atol=1e-5 * expected.max())
    assert values.max() == 1

    found = explain(run_path, method="occlusion")
    assert found.target == np.argmax(found.probabilities)
    assert (found.layer, found.layers) == (None, ())
    image = normalise(dataset.test.pixels[3], GUIDE.mean, GUIDE.std)
    expected = occlusion(Classifier(guide), image, found.target).numpy()
    np.testing.assert_allclose(np.frombuffer(found.values, np.float32).max() * found.scale, expected.max(), rtol=1e-3)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"index": 2_000}, "image is 2000; it must be between 0 and 1,999"),
        ({"target": 10}, "class is 10; it must be between 0 and 9"),
        ({"method": "grad-cam", "layer": "fc1"}, "'fc1'.*choose from conv1, conv2"),
        ({"checkpoint": "7"}, "no checkpoint at step 7"),
    ],
)
def test_impossible_requests_say_why(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    run_path = save_run(tmp_path, GuideNet().state_dict())
    with pytest.raises(UserError, match=words):
        explain(run_path, **changes)


def test_grad_cam_without_a_convolution_says_so(tmp_path: Path) -> None:
    network = custom_model(LINEAR_NET)
    weights = nn.Sequential(nn.Flatten(), nn.Linear(784, 8), nn.ReLU(), nn.Linear(8, 10)).state_dict()
    with pytest.raises(UserError, match="no convolution"):
        explain(save_run(tmp_path, weights, network), method="grad-cam")


def test_neighbours_are_training_images_other_than_the_image(tmp_path: Path, dataset: Dataset) -> None:
    net = seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 8), nn.ReLU(), nn.Linear(8, 10)))
    run_path = save_run(tmp_path, net.state_dict(), custom_model(LINEAR_NET), validation=2_000)

    def embed(pixels: Tensor) -> Tensor:
        with torch.no_grad():
            return net[:3](normalise(pixels, GUIDE.mean, GUIDE.std)).double()  # type: ignore[index,no-any-return]

    training = embed(dataset.train.pixels[:10_000])
    call = CountedCall()
    for split, index in (("test", 3), ("train", 5), ("train", 10_007)):
        images = dataset.test if split == "test" else dataset.train
        distances = (training - embed(images.pixels[index : index + 1])).norm(dim=1)
        if split == "train" and index < 10_000:
            distances[index] = torch.inf
        expected = distances.argsort()[:4].tolist()
        found = neighbours(run_path, call, split=split, index=index)
        assert [each.index for each in found.neighbours] == expected
        assert [each.distance for each in found.neighbours] == pytest.approx(distances[expected].tolist(), rel=1e-4)
        assert [each.label for each in found.neighbours] == dataset.train.labels[expected].tolist()
        assert found.neighbours[0].image == dataset.train.pixels[expected[0]].numpy().tobytes()
        assert (found.dimensions, found.training_images, found.image_shape) == (8, 10_000, (1, 28, 28))
    assert call.reported.count((12_000, 12_000)) == 1, "the embedding is computed once"

    with torch.no_grad():
        net[1].weight.mul_(2)  # type: ignore[index]
    other = save_run(tmp_path, net.state_dict(), custom_model(LINEAR_NET))
    neighbours(other, call)
    assert call.reported.count((12_000, 12_000)) == 2, "other weights have another embedding"
    with pytest.raises(UsageError, match="between 0 and 11,999"):
        neighbours(other, split="train", index=-1)


ENDLESS_NET = """
from pathlib import Path
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.fc = nn.Linear(4, 10)

    def forward(self, x):
        if len(x) != 2:  # the size of the batches with which a network is tried out
            Path({marker!r}).touch()
            while True:
                pass
        return self.fc(self.conv(x).mean(dim=(2, 3)))
"""


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("kind", [HeatMap, Neighbours, Evaluation])
async def test_an_endless_network_is_interrupted(engine: Engine, tmp_path: Path, kind: type[object]) -> None:
    marker = tmp_path / "looping"
    torch.manual_seed(0)
    weights = {f"{name}.{key}": value for name, layer in (("conv", nn.Conv2d(1, 4, 3)), ("fc", nn.Linear(4, 10)))
               for key, value in layer.state_dict().items()}  # fmt: skip
    run_path = save_run(tmp_path, weights, custom_model(ENDLESS_NET.format(marker=str(marker))))
    requests: dict[type[object], Request] = {
        HeatMap: Explain(run_path=run_path, checkpoint="final", split="test", index=0, method="occlusion"),
        Neighbours: GetNeighbours(run_path=run_path, checkpoint="final", split="test", index=0, limit=3),
        Evaluation: Evaluate(run_path=run_path, checkpoint="final"),
    }
    call = asyncio.create_task(engine.ask(requests[kind], kind))
    await wait_for_file(marker)
    pid = engine.pid
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await engine.ask(GetDevices(), tuple[Device, ...])
    assert engine.pid == pid
