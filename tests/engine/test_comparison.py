"""Held-out images, comparison of two runs, robustness, and results that outlive the engine."""

import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from sklearn.metrics import confusion_matrix

from fashion_tui.data.sources import SYNTHETIC
from fashion_tui.engine.client import Engine
from fashion_tui.lab.data.datasets import Dataset, hold_out, load
from fashion_tui.lab.data.normalisation import normalise
from fashion_tui.lab.networks.builtin import build
from fashion_tui.lab.training.checkpoint import write_checkpoint
from fashion_tui.runs.run import Run
from fashion_tui.schema.builtin_recipes import GUIDE
from fashion_tui.schema.comparison import PredictionComparison
from fashion_tui.schema.errors import UserError
from fashion_tui.schema.evaluation import Evaluation, PredictionPage
from fashion_tui.schema.requests import CompareRuns, Evaluate, GetPredictions, MeasureRobustness
from fashion_tui.schema.robustness import Robustness
from tests.runs.parts import make_run

pytestmark = pytest.mark.asyncio(loop_scope="module")

FLIPPING = msgspec.structs.replace(GUIDE, flip="alternating")


def network(seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    return build("guide").eval()


def untrained(runs: Path, seed: int, **options: Any) -> Path:
    """Create a run whose checkpoint contains initial weights."""
    state = {"model": network(seed).state_dict()}
    with make_run(runs, dataset=SYNTHETIC, **options) as run:
        run.checkpoints.save(lambda file: write_checkpoint(file, state, {}), step=10, epoch=0)
        return run.path


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return load(SYNTHETIC)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two runs with different weights that held out 500 images; the second one flips images."""
    folder = tmp_path_factory.mktemp("runs")
    return untrained(folder, 101, validation=500), untrained(folder, 102, validation=500, recipe=FLIPPING)


def logits(seed: int, pixels: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = network(seed)(normalise(pixels, GUIDE.mean, GUIDE.std))
    return found


async def test_held_out_images_are_the_last_training_images(
    engine: Engine, runs: tuple[Path, Path], dataset: Dataset
) -> None:
    _, held_out = hold_out(dataset.train, 500)
    request = Evaluate(run_path=str(runs[0]), checkpoint="final", split="validation")
    evaluation = await engine.ask(request, Evaluation)
    expected = logits(101, held_out.pixels).argmax(dim=1)
    assert (evaluation.split, evaluation.n) == ("validation", 500)
    assert [list(row) for row in evaluation.confusion] == confusion_matrix(
        held_out.labels, expected, labels=range(10)
    ).tolist()
    assert evaluation.accuracy_with_flips is None

    page = await engine.ask(
        GetPredictions(
            run_path=str(runs[0]), checkpoint="final", split="validation", outcome="wrong", truth=None,
            predicted=None, sort="index", offset=0, limit=500,
        ),
        PredictionPage,
    )  # fmt: skip
    wrong = (expected != held_out.labels).nonzero().flatten() + len(dataset.train) - 500
    assert [prediction.index for prediction in page.predictions] == wrong.tolist()
    few = GetPredictions(
        run_path=str(runs[0]), checkpoint="final", split="validation", outcome="all", truth=None, predicted=None,
        indices=tuple(wrong[3:5].tolist()), sort="index", offset=0, limit=500,
    )  # fmt: skip
    assert (await engine.ask(few, PredictionPage)).predictions == page.predictions[3:5]
    first = page.predictions[0]
    assert first.pixels == dataset.train.pixels[first.index].numpy().tobytes()
    assert first.truth == dataset.train.labels[first.index]

    test = await engine.ask(Evaluate(run_path=str(runs[0]), checkpoint="final"), Evaluation)
    assert (test.split, test.n) == ("test", 2_000)


async def test_a_run_without_held_out_images_says_so(engine: Engine, tmp_path: Path) -> None:
    run = untrained(tmp_path, 101)
    with pytest.raises(UserError, match=r"held out no images.*--validation"):
        await engine.ask(Evaluate(run_path=str(run), checkpoint="final", split="validation"), Evaluation)


async def test_recipes_that_flip_have_an_accuracy_with_flips(
    engine: Engine, runs: tuple[Path, Path], dataset: Dataset
) -> None:
    test = dataset.test
    both = logits(102, test.pixels).softmax(dim=1) + logits(102, test.pixels.flip(3)).softmax(dim=1)
    evaluation = await engine.ask(Evaluate(run_path=str(runs[1]), checkpoint="final"), Evaluation)
    assert evaluation.accuracy_with_flips == pytest.approx((both.argmax(1) == test.labels).double().mean().item())
    assert evaluation.accuracy_with_flips != evaluation.accuracy


async def test_two_runs_are_compared_image_by_image(engine: Engine, runs: tuple[Path, Path], dataset: Dataset) -> None:
    first, second = (logits(seed, dataset.test.pixels).argmax(dim=1) for seed in (101, 102))
    labels = dataset.test.labels
    request = CompareRuns(run_path=str(runs[0]), other_path=str(runs[1]))
    compared = await engine.ask(request, PredictionComparison)
    lost = [index for index in range(2_000) if first[index] == labels[index] != second[index]]
    gained = [index for index in range(2_000) if second[index] == labels[index] != first[index]]
    assert (compared.n, list(compared.broken), list(compared.fixed)) == (2_000, lost, gained)
    assert (compared.mcnemar.only_first, compared.mcnemar.only_second) == (len(lost), len(gained))
    assert compared.accuracies[0] - compared.accuracies[1] == pytest.approx((len(lost) - len(gained)) / 2_000)
    change = confusion_matrix(labels, second, labels=range(10)) - confusion_matrix(labels, first, labels=range(10))
    assert [list(row) for row in compared.confusion_difference] == change.tolist()

    held_out = await engine.ask(
        CompareRuns(run_path=str(runs[0]), other_path=str(runs[1]), split="validation"), PredictionComparison
    )
    assert held_out.n == 500
    assert min(held_out.broken + held_out.fixed) >= len(dataset.train) - 500


async def test_runs_whose_outputs_are_not_numbers_cannot_be_compared(
    engine: Engine, runs: tuple[Path, Path], tmp_path: Path
) -> None:
    state = {name: tensor.fill_(torch.nan) for name, tensor in network(101).state_dict().items()}
    with make_run(tmp_path, dataset=SYNTHETIC) as run:
        run.checkpoints.save(lambda file: write_checkpoint(file, {"model": state}, {}), step=10, epoch=0)
    for paths in ((runs[0], run.path), (run.path, runs[0])):
        request = CompareRuns(run_path=str(paths[0]), other_path=str(paths[1]))
        with pytest.raises(UserError, match=rf"can't compare {run.id}: for 2,000 of 2,000"):
            await engine.ask(request, PredictionComparison)
    robustness = MeasureRobustness(run_path=str(run.path), checkpoint="final", max_images=10)
    result = await engine.ask(robustness, Robustness)
    assert all(math.isnan(accuracy) for curve in result.curves for accuracy in (result.accuracy, *curve.accuracies))


async def test_runs_that_saw_other_images_are_not_compared(
    engine: Engine, runs: tuple[Path, Path], tmp_path: Path
) -> None:
    other = untrained(tmp_path, 101, validation=100)
    with pytest.raises(UserError, match=r"held out 500 images and .* 100"):
        await engine.ask(
            CompareRuns(run_path=str(runs[0]), other_path=str(other), split="validation"), PredictionComparison
        )
    config = Run(other).config
    changed = msgspec.structs.replace(
        config, dataset=msgspec.structs.replace(config.dataset, name="fashion-mnist", sha256="1" * 64)
    )
    (other / "config.json").write_bytes(msgspec.json.encode(changed))
    with pytest.raises(UserError, match="trained on synthetic and fashion-mnist"):
        await engine.ask(CompareRuns(run_path=str(runs[0]), other_path=str(other)), PredictionComparison)


async def test_robustness_reports_its_curves_as_they_grow(engine: Engine, runs: tuple[Path, Path]) -> None:
    grown: list[int] = []
    seen: list[tuple[int, int]] = []
    request = MeasureRobustness(run_path=str(runs[0]), checkpoint="final", max_images=100)
    robustness = await engine.ask(
        request,
        Robustness,
        lambda done, total: seen.append((done, total)),
        lambda so_far: grown.append(sum(len(curve.accuracies) for curve in so_far.curves)),
    )
    assert robustness.n == 100
    assert [len(curve.accuracies) for curve in robustness.curves] == [5, 5, 5, 5]
    assert seen[-1] == (20, 20)
    assert grown[-1] == 20
    seen.clear()
    assert await engine.ask(request, Robustness, lambda done, total: seen.append((done, total))) == robustness
    assert seen == [], "it is cached"


async def test_results_outlive_the_engine(engine: Engine, runs: tuple[Path, Path]) -> None:
    """Another engine doesn't compute again."""
    request = Evaluate(run_path=str(runs[1]), checkpoint="final")
    evaluation = await engine.ask(request, Evaluation)
    other, seen = Engine(), list[int]()
    try:
        again = await other.ask(request, Evaluation, lambda done, _: seen.append(done))
    finally:
        await other.close()
    assert (again, seen) == (evaluation, [])
